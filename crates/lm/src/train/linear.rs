//! A linear layer: one matrix of one or more of the model's (query, key and value; gate and up), its
//! biases, and low-rank changes of some of its parts.

use super::parameter::{Parameter, Part};
use super::settings::Lora;
use crate::Result;
use crate::device::{Device, Mat, MatMut, Product, Put, Store};

/// `y = x W^T + b + scale dropout(x) A^T B^T`.
pub(super) struct Linear<B> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: Parameter<B>,
    pub(super) bias: Option<Parameter<B>>,
    pub(super) adapter: Option<Adapter<B>>,
}

/// The low-rank changes of a layer's parts.
pub(super) struct Adapter<B> {
    /// First output and number of outputs of each part.
    parts: Vec<(usize, usize)>,
    rank: usize,
    scale: f32,
    dropout: f32,
    /// `[parts * rank][inputs]`.
    pub(super) a: Parameter<B>,
    /// `[outputs of the parts][rank]`.
    pub(super) b: Parameter<B>,
}

impl<B> Adapter<B> {
    /// For the parts named `chosen` of a layer of these parts.
    pub(super) fn zeros<D: Device<Buffer = B>>(
        device: &D,
        lora: &Lora,
        (all, inputs): (&[Part], usize),
        chosen: &[String],
    ) -> Result<Option<Self>> {
        let mut parts = Vec::new();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut first = 0;
        for part in all {
            let outputs = part.shape[0];
            if chosen.contains(&part.name) {
                parts.push((first, outputs));
                a.push(Part::new(
                    format!("{}.lora_a", part.name),
                    &[lora.rank, inputs],
                ));
                b.push(Part::new(
                    format!("{}.lora_b", part.name),
                    &[outputs, lora.rank],
                ));
            }
            first += outputs;
        }
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            parts,
            rank: lora.rank,
            scale: lora.alpha / lora.rank as f32,
            dropout: lora.dropout,
            a: Parameter::zeros(device, a, true)?,
            b: Parameter::zeros(device, b, true)?,
        }))
    }

    /// Columns of the inner values.
    fn inner(&self) -> usize {
        self.parts.len() * self.rank
    }

    /// Each part's first outer column, number of outer columns, first row of `B`, first inner column.
    fn each(&self) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        let (parts, rank) = (self.parts.iter().enumerate(), self.rank);
        parts.scan(0, move |row, (number, &(first, outputs))| {
            let start = *row;
            *row += outputs;
            Some((first, outputs, start, number * rank))
        })
    }
}

/// What the low-rank changes of all layers of one width share.
pub(super) struct Inner<'a, B> {
    /// Inner values of the forward pass, `[rows][inner]`.
    pub(super) kept: &'a mut B,
    /// Room for dropped inputs, `[rows][inputs]`; only where there is dropout.
    pub(super) dropped: &'a mut B,
    /// Room for gradients of the inner values.
    pub(super) slopes: &'a mut B,
    /// Which inputs are left out.
    pub(super) seed: u64,
}

impl<B> Linear<B> {
    /// Inner values of a row of the forward pass, which the caller keeps.
    pub(super) fn inner(&self) -> usize {
        self.adapter.as_ref().map_or(0, Adapter::inner)
    }

    pub(super) fn forward<D: Device<Buffer = B>>(
        &self,
        device: &D,
        (x, rows): (&B, usize),
        (y, put): (&mut B, Put),
        inner: &mut Inner<'_, B>,
    ) -> Result<()> {
        let weight = Mat::new(&self.weight.value, self.outputs, self.inputs);
        let out = MatMut::new(y, rows, self.outputs);
        device.multiply(
            Product::Nt,
            Mat::new(x, rows, self.inputs),
            weight,
            out,
            put,
        )?;
        if let Some(bias) = &self.bias {
            device.add_bias(&bias.value, y, rows)?;
        }
        let Some(adapter) = &self.adapter else {
            return Ok(());
        };
        let x = adapter.dropped(device, (x, rows * self.inputs), inner.dropped, inner.seed)?;
        let width = adapter.inner();
        let a = Mat::new(&adapter.a.value, width, self.inputs);
        let kept = MatMut::new(inner.kept, rows, width);
        device.multiply(
            Product::Nt,
            Mat::new(x, rows, self.inputs),
            a,
            kept,
            Put::Set(1.0),
        )?;
        let kept = Mat::new(&*inner.kept, rows, width);
        for (first, outputs, row, column) in adapter.each() {
            let b = Mat::new(&adapter.b.value, row + outputs, adapter.rank).rows(row, outputs);
            let y = MatMut::new(y, rows, self.outputs).columns(first, outputs);
            let kept = kept.columns(column, adapter.rank);
            device.multiply(Product::Nt, kept, b, y, Put::Add(adapter.scale))?;
        }
        Ok(())
    }

    /// The gradient for the input, and in `inner.slopes` that for the inner values, which
    /// [`weights_backward`](Self::weights_backward) needs. `dx` is not computed where it is `None`.
    pub(super) fn input_backward<D: Device<Buffer = B>>(
        &self,
        device: &D,
        (dy, rows): (&B, usize),
        mut dx: Option<&mut B>,
        inner: &mut Inner<'_, B>,
    ) -> Result<()> {
        let dy = Mat::new(dy, rows, self.outputs);
        if let Some(dx) = dx.as_deref_mut() {
            let weight = Mat::new(&self.weight.value, self.outputs, self.inputs);
            let out = MatMut::new(dx, rows, self.inputs);
            device.multiply(Product::Nn, dy, weight, out, Put::Set(1.0))?;
        }
        let Some(adapter) = &self.adapter else {
            return Ok(());
        };
        let width = adapter.inner();
        for (first, outputs, row, column) in adapter.each() {
            let b = Mat::new(&adapter.b.value, row + outputs, adapter.rank).rows(row, outputs);
            let out = MatMut::new(inner.slopes, rows, width).columns(column, adapter.rank);
            let dy = dy.columns(first, outputs);
            device.multiply(Product::Nn, dy, b, out, Put::Set(adapter.scale))?;
        }
        let Some(dx) = dx else {
            return Ok(());
        };
        let slopes = Mat::new(&*inner.slopes, rows, width);
        let a = Mat::new(&adapter.a.value, width, self.inputs);
        if adapter.dropout == 0.0 {
            let out = MatMut::new(dx, rows, self.inputs);
            return device.multiply(Product::Nn, slopes, a, out, Put::Add(1.0));
        }
        let out = MatMut::new(inner.dropped, rows, self.inputs);
        device.multiply(Product::Nn, slopes, a, out, Put::Set(1.0))?;
        let noise = (adapter.dropout, inner.seed);
        device.dropout(inner.dropped, dx, rows * self.inputs, noise, true)
    }

    /// Gradients of whatever is trained here.
    pub(super) fn weights_backward<D: Device<Buffer = B>>(
        &mut self,
        device: &D,
        x: &B,
        (dy, rows): (&B, usize),
        inner: &mut Inner<'_, B>,
    ) -> Result<()> {
        let slopes = Mat::new(dy, rows, self.outputs);
        if let Some((out, put)) = self.weight.gradient(self.outputs, self.inputs) {
            let x = Mat::new(x, rows, self.inputs);
            device.multiply(Product::Tn, slopes, x, out, put)?;
        }
        if let Some(bias) = &mut self.bias
            && let Some(sum) = bias.sum(device)?
        {
            device.add_bias_backward(dy, sum, rows)?;
        }
        let Some(adapter) = &mut self.adapter else {
            return Ok(());
        };
        let (width, rank, scale) = (adapter.inner(), adapter.rank, adapter.scale);
        let kept = Mat::new(&*inner.kept, rows, width);
        let parts: Vec<_> = adapter.each().collect();
        let all = parts.iter().map(|p| p.1).sum();
        // One answer for all parts: they are rows of one gradient.
        if let Some((out, put)) = adapter.b.gradient(all, rank) {
            let buffer = out.buffer;
            let put = match put {
                Put::Set(_) => Put::Set(scale),
                Put::Add(_) => Put::Add(scale),
            };
            for (first, outputs, row, column) in parts {
                let out = MatMut::new(&mut *buffer, all, rank).rows(row, outputs);
                let slopes = slopes.columns(first, outputs);
                device.multiply(Product::Tn, slopes, kept.columns(column, rank), out, put)?;
            }
        }
        let x = adapter.dropped(device, (x, rows * self.inputs), inner.dropped, inner.seed)?;
        let x = Mat::new(x, rows, self.inputs);
        let slopes = Mat::new(&*inner.slopes, rows, width);
        if let Some((out, put)) = adapter.a.gradient(width, self.inputs) {
            device.multiply(Product::Tn, slopes, x, out, put)?;
        }
        Ok(())
    }

    /// The weights with the low-rank changes in them: those that are there, or in `room`.
    pub(super) fn merged<'a, D: Device<Buffer = B>>(
        &'a self,
        device: &D,
        room: &'a mut Option<B>,
    ) -> Result<&'a B> {
        let Some(adapter) = &self.adapter else {
            return Ok(&self.weight.value);
        };
        let length = self.outputs * self.inputs;
        // A larger one is as good: taking memory costs more than the product.
        let fits = room.take().filter(|b| device.length(b) >= length);
        let mut merged = match fits {
            Some(buffer) => buffer,
            None => device.zeros(Store::Exact, length)?,
        };
        device.copy(&self.weight.value, &mut merged, length)?;
        for (first, outputs, row, column) in adapter.each() {
            let b = Mat::new(&adapter.b.value, row + outputs, adapter.rank).rows(row, outputs);
            let a = Mat::new(&adapter.a.value, adapter.inner(), self.inputs);
            let a = a.rows(column, adapter.rank);
            let out = MatMut::new(&mut merged, self.outputs, self.inputs).rows(first, outputs);
            device.multiply(Product::Nn, b, a, out, Put::Add(adapter.scale))?;
        }
        Ok(room.insert(merged))
    }

    /// All parameters, in a fixed order.
    pub(super) fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let adapter = self.adapter.as_mut();
        let adapter = adapter.map(|adapter| [&mut adapter.a, &mut adapter.b]);
        [Some(&mut self.weight), self.bias.as_mut()]
            .into_iter()
            .flatten()
            .chain(adapter.into_iter().flatten())
    }
}

impl<B> Adapter<B> {
    /// The inputs that are not left out; `x` itself where all are kept.
    fn dropped<'a, D: Device<Buffer = B>>(
        &self,
        device: &D,
        (x, length): (&'a B, usize),
        room: &'a mut B,
        seed: u64,
    ) -> Result<&'a B> {
        if self.dropout == 0.0 {
            return Ok(x);
        }
        device.dropout(x, room, length, (self.dropout, seed), false)?;
        Ok(room)
    }
}

/// A linear layer of zeros, to be written.
pub(super) fn zeros<D: Device>(
    device: &D,
    (parts, inputs): (Vec<Part>, usize),
    biases: Option<Vec<Part>>,
    trained: bool,
    adapter: Option<Adapter<D::Buffer>>,
) -> Result<Linear<D::Buffer>> {
    let bias = biases.map(|parts| Parameter::zeros(device, parts, trained));
    Ok(Linear {
        inputs,
        outputs: parts.iter().map(|p| p.shape[0]).sum(),
        weight: Parameter::zeros(device, parts, trained)?,
        bias: bias.transpose()?,
        adapter,
    })
}
