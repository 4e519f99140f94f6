//! What one pass of the network takes: documents one after the other, and which of their rows have a
//! loss. Plain data; made once, checked then.

use crate::device::Packing;
use crate::{Error, Result};

/// A sequence to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its tokens, at least two.
    pub tokens: &'a [u32],
    /// The first token that is learnt (1 is the earliest that can be): those before it, a prompt's,
    /// are only read.
    pub first: usize,
    /// What each of its rows counts.
    pub weight: f32,
}

impl<'a> Document<'a> {
    /// A text of which every token is learnt.
    #[must_use]
    pub fn text(tokens: &'a [u32]) -> Self {
        Self::answer(tokens, 1)
    }

    /// An answer that begins at token `first`, after its prompt.
    #[must_use]
    pub fn answer(tokens: &'a [u32], first: usize) -> Self {
        Self {
            tokens,
            first,
            weight: 1.0,
        }
    }
}

/// Documents for one pass. A row that has a loss is that of the token *before* the one that is learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub(super) tokens: Vec<u32>,
    pub(super) packing: Packing,
    /// Rows with a loss, upwards.
    pub(super) rows: Vec<u32>,
    /// The token after each of them.
    pub(super) next: Vec<u32>,
    pub(super) weights: Vec<f32>,
}

impl Batch {
    /// Packs documents one after the other. None sees the others, so results are those of separate
    /// batches.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] where there is no document or one has no token, [`Error::Invalid`] where
    /// one has no row to learn or a weight is negative or not finite.
    pub fn new(documents: &[Document<'_>]) -> Result<Self> {
        let packing = Packing::new(documents.iter().map(|d| d.tokens.len()))?;
        let mut out = Self {
            tokens: Vec::with_capacity(packing.rows()),
            packing,
            rows: Vec::new(),
            next: Vec::new(),
            weights: Vec::new(),
        };
        for document in documents {
            if !(1..document.tokens.len()).contains(&document.first) {
                let (first, length) = (document.first, document.tokens.len());
                let text = format!("a document of {length} tokens is learnt from token {first} on");
                return Err(Error::Invalid(text));
            }
            if !(document.weight >= 0.0 && document.weight.is_finite()) {
                let weight = document.weight;
                return Err(Error::Invalid(format!("a document of weight {weight}")));
            }
            let start = out.tokens.len();
            for at in document.first..document.tokens.len() {
                // A batch's rows are far fewer than 2^32: its tokens are in memory.
                out.rows.push((start + at - 1) as u32);
                out.next.push(document.tokens[at]);
                out.weights.push(document.weight);
            }
            out.tokens.extend_from_slice(document.tokens);
        }
        Ok(out)
    }

    /// Number of rows (tokens).
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Never true: a batch has a document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens that are learnt, in order: one a target.
    #[must_use]
    pub fn learnt(&self) -> &[u32] {
        &self.next
    }

    /// What each target counts, in the order of [`learnt`](Self::learnt); change it for weights a token.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    pub(super) fn total_weight(&self) -> f64 {
        self.weights.iter().map(|&w| f64::from(w)).sum()
    }
}

/// Shares documents of these lengths out to as few batches of at most `rows` rows as first-fit by
/// falling length finds; each batch is a list of numbers of documents, upwards.
///
/// # Errors
/// [`Error::Invalid`] where one document alone is longer.
pub fn pack(lengths: &[usize], rows: usize) -> Result<Vec<Vec<usize>>> {
    if let Some(long) = lengths.iter().find(|&&l| l > rows) {
        return Err(Error::Invalid(format!(
            "a document of {long} tokens does not fit into a batch of {rows}"
        )));
    }
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    let mut batches: Vec<(usize, Vec<usize>)> = Vec::new();
    for i in order {
        match batches
            .iter_mut()
            .find(|(used, _)| used + lengths[i] <= rows)
        {
            Some((used, batch)) => {
                *used += lengths[i];
                batch.push(i);
            }
            None => batches.push((lengths[i], vec![i])),
        }
    }
    let sorted = batches.into_iter().map(|(_, mut batch)| {
        batch.sort_unstable();
        batch
    });
    Ok(sorted.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_before_what_is_learnt() {
        let batch = Batch::new(&[
            Document::text(&[5, 6, 7]),
            Document::answer(&[1, 2, 3, 4], 2),
        ]);
        let batch = batch.unwrap();
        assert_eq!(batch.tokens, [5, 6, 7, 1, 2, 3, 4]);
        assert_eq!(batch.rows, [0, 1, 4, 5]);
        assert_eq!(batch.learnt(), [6, 7, 3, 4]);
        for (tokens, first) in [(&[1u32, 2][..], 0), (&[1, 2], 2), (&[1], 1)] {
            assert!(Batch::new(&[Document::answer(tokens, first)]).is_err());
        }
        let nan = Document {
            weight: f32::NAN,
            ..Document::text(&[1, 2])
        };
        assert!(Batch::new(&[nan]).is_err() && Batch::new(&[]).is_err());
    }

    #[test]
    fn packs_leave_nothing_out_and_overflow_nothing() {
        let lengths = [5, 9, 3, 3, 7, 1, 10];
        let batches = pack(&lengths, 10).unwrap();
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
        let used = |batch: &Vec<usize>| batch.iter().map(|&i| lengths[i]).sum::<usize>();
        assert!(batches.iter().all(|b| used(b) <= 10));
        assert_eq!(batches.len(), 4);
        assert!(pack(&[11], 10).is_err());
    }
}
