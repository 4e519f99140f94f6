//! A parameter on a device: its values, and where it is trained, its gradient and the optimiser's two
//! moments. A parameter may be several tensors of the model, one after the other: rows of one matrix,
//! so that they are multiplied at once.

use crate::device::{Adam, Device, MatMut, Put, Store};
use crate::{Error, Result};

/// A tensor in a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its canonical name.
    pub(super) name: String,
    /// Its sizes, outermost first.
    pub(super) shape: Vec<usize>,
}

impl Part {
    pub(super) fn new(name: String, shape: &[usize]) -> Self {
        Self {
            name,
            shape: shape.to_vec(),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a trained parameter has beside its values.
pub(super) struct Trained<B> {
    pub(super) gradient: B,
    /// True while the gradient holds nothing of this step: then it is written, not added to.
    pub(super) fresh: bool,
    pub(super) moments: [B; 2],
}

/// One or more tensors, trained or frozen.
pub(super) struct Parameter<B> {
    pub(super) parts: Vec<Part>,
    pub(super) value: B,
    pub(super) trained: Option<Trained<B>>,
    /// Whether weight decay is put to it.
    decays: bool,
}

impl<B> Parameter<B> {
    /// Zeros, to be written.
    pub(super) fn zeros<D: Device<Buffer = B>>(
        device: &D,
        parts: Vec<Part>,
        trained: bool,
    ) -> Result<Self> {
        let length = parts.iter().map(Part::length).sum();
        let zeros = |store| device.zeros(store, length);
        let trained = match trained {
            false => None,
            true => Some(Trained {
                gradient: zeros(Store::Exact)?,
                fresh: true,
                moments: [zeros(Store::Exact)?, zeros(Store::Exact)?],
            }),
        };
        Ok(Self {
            decays: parts.iter().all(|p| p.shape.len() > 1),
            value: zeros(Store::Parameter)?,
            parts,
            trained,
        })
    }

    /// Each part with the offset of its first value.
    pub(super) fn offsets(&self) -> impl Iterator<Item = (&Part, usize)> {
        self.parts.iter().scan(0, |end, part| {
            let start = *end;
            *end += part.length();
            Some((part, start))
        })
    }

    /// The gradient as a matrix, and how to put a product to it.
    pub(super) fn gradient(&mut self, rows: usize, columns: usize) -> Option<(MatMut<'_, B>, Put)> {
        let trained = self.trained.as_mut()?;
        let put = match std::mem::replace(&mut trained.fresh, false) {
            true => Put::Set(1.0),
            false => Put::Add(1.0),
        };
        Some((MatMut::new(&mut trained.gradient, rows, columns), put))
    }

    /// The gradient as something that is only added to.
    pub(super) fn sum<D: Device<Buffer = B>>(&mut self, device: &D) -> Result<Option<&mut B>> {
        let Some(trained) = &mut self.trained else {
            return Ok(None);
        };
        if std::mem::replace(&mut trained.fresh, false) {
            device.clear(&mut trained.gradient)?;
        }
        Ok(Some(&mut trained.gradient))
    }

    /// Sum of the squares of the gradient.
    pub(super) fn square_sum<D: Device<Buffer = B>>(&self, device: &D) -> Result<f64> {
        match &self.trained {
            Some(trained) if !trained.fresh => device.square_sum(&trained.gradient),
            _ => Ok(0.0),
        }
    }

    /// One step of the optimiser; the gradient is then of no step.
    pub(super) fn step<D: Device<Buffer = B>>(&mut self, device: &D, adam: &Adam) -> Result<()> {
        let Some(trained) = &mut self.trained else {
            return Ok(());
        };
        if trained.fresh {
            return Ok(());
        }
        trained.fresh = true;
        let adam = Adam {
            decay: if self.decays { adam.decay } else { 0.0 },
            ..*adam
        };
        let [first, second] = &mut trained.moments;
        device.adam(&adam, &mut self.value, &trained.gradient, (first, second))
    }

    /// Writes the values of a part.
    pub(super) fn write<D: Device<Buffer = B>>(
        &mut self,
        device: &D,
        name: &str,
        values: &[f32],
    ) -> Result<()> {
        let found = self.offsets().find(|(part, _)| part.name == name);
        let found = found.map(|(part, offset)| (part.length(), offset));
        match found {
            Some((length, offset)) if length == values.len() => {
                device.write(&mut self.value, offset, values)
            }
            _ => Err(Error::Invalid(format!(
                "{} values for {name:?}",
                values.len()
            ))),
        }
    }
}
