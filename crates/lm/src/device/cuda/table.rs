//! What kernels look things up in, made on the host: angles of positions, tiles of documents, and which
//! rows belong to one id. Plain numbers; nothing here calls the GPU but to carry them there.

use super::Cuda;
use crate::Result;
use crate::device::{Attention, Packing};
use crate::ops::{Rope, RopeLayout};
use cudarc::driver::CudaSlice;
use std::sync::{Arc, PoisonError};

/// Queries, and keys, of a tile: `TILE` of attention.cu.
const TILE: usize = 32;

/// Sines and cosines on the device.
pub(super) struct Angles {
    base: f32,
    width: usize,
    positions: usize,
    /// `[position][sines, cosines][width / 2]`.
    pub(super) values: Arc<CudaSlice<f32>>,
}

/// A packing on the device.
pub(super) struct Tables {
    packing: Packing,
    /// `[tile][first row, rows, document's first row, document's end]`.
    pub(super) tiles: CudaSlice<u32>,
    /// Number of tiles.
    pub(super) count: usize,
    /// Each row's position in its document.
    pub(super) positions: CudaSlice<u32>,
}

/// Tiles of a packing, none over the end of a document.
pub(super) fn tiles(packing: &Packing) -> Vec<[u32; 4]> {
    // Rows fit 32 bits: see `Cuda::tables`.
    let of = |document: std::ops::Range<usize>| {
        document.clone().step_by(TILE).map(move |first| {
            let rows = TILE.min(document.end - first);
            [first, rows, document.start, document.end].map(|v| v as u32)
        })
    };
    packing.documents().flat_map(of).collect()
}

/// Rows by id, in their order within each: different ids, the start of each one's rows and the end of the
/// last's, and the rows.
pub(super) fn groups(ids: &[u32]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&row| ids[row as usize]);
    let (mut different, mut starts) = (Vec::new(), Vec::new());
    for (at, &row) in order.iter().enumerate() {
        let id = ids[row as usize];
        if different.last() != Some(&id) {
            different.push(id);
            starts.push(at as u32);
        }
    }
    starts.push(ids.len() as u32);
    (different, starts, order)
}

impl Cuda {
    /// The angles of at least so many positions; those made last are kept.
    pub(super) fn angles(
        &self,
        shape: &Attention,
        positions: usize,
    ) -> Result<Arc<CudaSlice<f32>>> {
        let (base, width) = (shape.rope_base, shape.heads.width);
        let mut kept = self.angles.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |a: &Angles| {
            (a.base.to_bits(), a.width) == (base.to_bits(), width) && a.positions >= positions
        };
        if let Some(angles) = kept.as_ref().filter(|a| same(a)) {
            return Ok(Arc::clone(&angles.values));
        }
        let positions = positions.next_power_of_two();
        // The layout says which values make a pair; angles are the same for both.
        let rope = Rope::new(RopeLayout::Halves, base, width);
        let values = Arc::new(self.upload(&rope.table(positions))?);
        *kept = Some(Angles {
            base,
            width,
            positions,
            values: Arc::clone(&values),
        });
        Ok(values)
    }

    /// A packing's tables; the last ones are kept, since all blocks of a network use the same.
    pub(super) fn tables(&self, packing: &Packing) -> Result<Arc<Tables>> {
        let mut kept = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = kept.as_ref().filter(|t| t.packing == *packing) {
            return Ok(Arc::clone(tables));
        }
        super::launch::whole(packing.rows())?;
        let tiles = tiles(packing);
        let positions = packing.documents().flat_map(|d| 0..d.len() as u32);
        let tables = Arc::new(Tables {
            packing: packing.clone(),
            count: tiles.len(),
            tiles: self.upload(tiles.as_flattened())?,
            positions: self.upload(&positions.collect::<Vec<u32>>())?,
        });
        *kept = Some(Arc::clone(&tables));
        Ok(tables)
    }
}
