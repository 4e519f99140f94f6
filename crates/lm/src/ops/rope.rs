//! Rotary positions (Su et al. 2021): pairs of a head's values are turned by an angle that grows
//! with the position. Angles are computed in f32 as the reference does, for the positions that
//! are there: a file's claim of a huge context costs no memory.

/// Which values of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RopeLayout {
    /// `(2i, 2i + 1)`: llama files, whose query and key rows are permuted for it.
    Interleaved,
    /// `(i, i + half)`: qwen2 files.
    Halves,
}

/// Frequencies of a model.
pub(crate) struct Rope {
    layout: RopeLayout,
    /// Radians a position, one a pair.
    frequencies: Vec<f32>,
}

impl Rope {
    /// `base^(-2i / width)` for heads of an even `width`.
    pub(crate) fn new(layout: RopeLayout, base: f32, width: usize) -> Self {
        let frequency = |i: usize| 1.0 / base.powf((2 * i) as f32 / width as f32);
        Self {
            layout,
            frequencies: (0..width / 2).map(frequency).collect(),
        }
    }

    /// Appends sine and cosine of each pair's angle at `position`.
    pub(crate) fn angles(&self, position: usize, out: &mut Vec<(f32, f32)>) {
        out.extend(
            self.frequencies
                .iter()
                .map(|f| (position as f32 * f).sin_cos()),
        );
    }

    /// Sines, then cosines, of each position below `positions`: `[position][sines, cosines][pairs]`.
    pub(crate) fn table(&self, positions: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(positions * 2 * self.pairs());
        let mut row = Vec::new();
        for position in 0..positions {
            row.clear();
            self.angles(position, &mut row);
            values.extend(row.iter().map(|pair| pair.0));
            values.extend(row.iter().map(|pair| pair.1));
        }
        values
    }

    /// Pairs in a head: angles that [`angles`](Self::angles) appends.
    pub(crate) fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// Turns every head in `row` by the angles of its position.
    pub(crate) fn rotate(&self, angles: &[(f32, f32)], row: &mut [f32]) {
        let half = self.pairs();
        for (i, (sin, cos)) in angles.iter().enumerate() {
            let (a, b) = match self.layout {
                RopeLayout::Interleaved => (2 * i, 2 * i + 1),
                RopeLayout::Halves => (i, i + half),
            };
            for head in row.chunks_exact_mut(2 * half) {
                let (x, y) = (head[a], head[b]);
                head[a] = x * cos - y * sin;
                head[b] = x * sin + y * cos;
            }
        }
    }
}
