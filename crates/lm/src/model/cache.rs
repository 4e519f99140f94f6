//! The keys and values of one sequence, in blocks of 64 positions that are allocated as it grows.
//! Copies share blocks until one of them writes: a prompt is held once for all that begin with it.
//! Plain data: nothing is computed here.

use super::Path;
use crate::ops::{BLOCK, Heads, Kept};
use std::collections::HashSet;
use std::sync::Arc;

/// One sequence's state on one path. Made by [`crate::Model::cache`] or
/// [`crate::Model::cache_on`], used with that model alone. A clone is cheap: it shares what is
/// written, and each writes on in blocks of its own.
#[derive(Clone)]
pub struct Cache {
    /// Each `[layer][keys, values][head]`, of keys `[width][BLOCK]` or values `[BLOCK][width]`.
    blocks: Vec<Arc<Box<[f32]>>>,
    path: Path,
    length: usize,
    layers: usize,
    heads: Heads,
    context: usize,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("path", &self.path)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Cache {
    pub(super) fn new(path: Path, layers: usize, heads: Heads, context: usize) -> Self {
        Self {
            blocks: Vec::new(),
            path,
            length: 0,
            layers,
            heads,
            context,
        }
    }

    /// The path that writes and reads it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
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

    /// Bytes held now, shared blocks among them.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory_of(self.blocks.len() * BLOCK)
    }

    /// Bytes that caches hold together: blocks that several share count once.
    #[must_use]
    pub fn memory_together<'a>(caches: impl IntoIterator<Item = &'a Self>) -> usize {
        let mut seen = HashSet::new();
        let caches = caches.into_iter();
        let sizes = caches.flat_map(|cache| cache.blocks.iter());
        let new = sizes.filter(|block| seen.insert(Arc::as_ptr(block)));
        new.map(|block| size_of_val::<[f32]>(block)).sum()
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

    /// Makes room for `count` more tokens; the caller has checked the context. What is not written
    /// is 0, or what a copy of this cache wrote there.
    pub(super) fn reserve(&mut self, count: usize) {
        let size = self.block_size();
        let blocks = (self.length + count).div_ceil(BLOCK);
        self.blocks
            .resize_with(blocks, || Arc::new(vec![0.0; size].into()));
    }

    /// Counts the tokens whose keys and values were written.
    pub(super) fn advance(&mut self, count: usize) {
        self.length += count;
    }

    fn offset(&self, layer: usize, value: bool, head: usize) -> usize {
        ((layer * 2 + usize::from(value)) * self.heads.kept + head) * BLOCK * self.heads.width
    }

    /// Writes a position's keys and values, `[head][width]` each; room was made for it. A block
    /// that is shared is copied first.
    pub(super) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let (width, place) = (self.heads.width, position % BLOCK);
        let (first_key, first_value) = (self.offset(layer, false, 0), self.offset(layer, true, 0));
        let block = Arc::make_mut(&mut self.blocks[position / BLOCK]);
        for (head, row) in keys.chunks_exact(width).enumerate() {
            let keys = &mut block[first_key + head * BLOCK * width..][..BLOCK * width];
            for (keys, &k) in keys.chunks_exact_mut(BLOCK).zip(row) {
                keys[place] = k;
            }
        }
        for (head, row) in values.chunks_exact(width).enumerate() {
            let at = first_value + (head * BLOCK + place) * width;
            block[at..at + width].copy_from_slice(row);
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
    #[inline(always)]
    fn keys(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, false, head)
    }

    #[inline(always)]
    fn values(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, true, head)
    }
}
