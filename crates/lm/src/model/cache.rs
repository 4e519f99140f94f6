//! The keys and values of one sequence, in blocks of 64 positions that are allocated as it grows
//! and freed when it is dropped. Plain data: nothing is computed here.

use crate::ops::{Heads, Kept};

/// Positions in a block.
const BLOCK: usize = 64;

/// One sequence's state. Made by [`crate::Model::cache`], used with that model alone.
#[derive(Clone)]
pub struct Cache {
    /// Each `[layer][key, value][head][BLOCK][width]`.
    blocks: Vec<Box<[f32]>>,
    length: usize,
    layers: usize,
    heads: Heads,
    context: usize,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Cache {
    pub(super) fn new(layers: usize, heads: Heads, context: usize) -> Self {
        Self {
            blocks: Vec::new(),
            length: 0,
            layers,
            heads,
            context,
        }
    }

    /// Tokens in the sequence so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// True before the first token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Tokens that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.context - self.length
    }

    /// Bytes held now.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory_of(self.blocks.len() * BLOCK)
    }

    /// Bytes that so many tokens take.
    pub(super) fn memory_of(&self, tokens: usize) -> usize {
        tokens.div_ceil(BLOCK) * self.block_size() * size_of::<f32>()
    }

    /// Drops all tokens after the first `length`, and the blocks that held them.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.blocks.truncate(self.length.div_ceil(BLOCK));
    }

    fn block_size(&self) -> usize {
        self.layers * 2 * self.heads.kept * BLOCK * self.heads.width
    }

    /// True where this cache was made for such a model.
    pub(super) fn fits(&self, layers: usize, heads: Heads, context: usize) -> bool {
        (self.layers, self.heads, self.context) == (layers, heads, context)
    }

    /// Makes room for `count` more tokens; the caller has checked the context.
    pub(super) fn reserve(&mut self, count: usize) {
        let size = self.block_size();
        let blocks = (self.length + count).div_ceil(BLOCK);
        self.blocks.resize_with(blocks, || vec![0.0; size].into());
    }

    /// Counts the tokens whose keys and values were written.
    pub(super) fn advance(&mut self, count: usize) {
        self.length += count;
    }

    fn offset(&self, layer: usize, value: bool, head: usize) -> usize {
        ((layer * 2 + usize::from(value)) * self.heads.kept + head) * BLOCK * self.heads.width
    }

    /// Writes a position's keys and values, `[head][width]` each; room was made for it.
    pub(super) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let width = self.heads.width;
        for (value, row) in [(false, keys), (true, values)] {
            for (head, row) in row.chunks_exact(width).enumerate() {
                let at = self.offset(layer, value, head) + position % BLOCK * width;
                self.blocks[position / BLOCK][at..at + width].copy_from_slice(row);
            }
        }
    }

    /// What attention reads of a layer.
    pub(super) fn layer(&self, layer: usize) -> LayerCache<'_> {
        LayerCache { cache: self, layer }
    }
}

/// A layer's part of a cache.
pub(super) struct LayerCache<'a> {
    cache: &'a Cache,
    layer: usize,
}

impl LayerCache<'_> {
    #[inline(always)]
    fn part(&self, block: usize, value: bool, head: usize) -> &[f32] {
        let at = self.cache.offset(self.layer, value, head);
        &self.cache.blocks[block][at..at + BLOCK * self.cache.heads.width]
    }
}

impl Kept for LayerCache<'_> {
    const BLOCK: usize = BLOCK;

    #[inline(always)]
    fn keys(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, false, head)
    }

    #[inline(always)]
    fn values(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, true, head)
    }
}
