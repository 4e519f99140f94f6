//! One block of the network, forward and backward: attention and a gated feed-forward part, each
//! behind a norm and added to the residual stream. What the forward pass keeps is what would be dear
//! to make again; norms, gates, attention's result and the stream behind it are remade in the backward
//! pass, by the same operations, so with the same bytes.

use super::linear::{Inner, Linear};
use super::parameter::Parameter;
use crate::Result;
use crate::device::{Attention, Device, Direction, Packing, Put, Store};

/// A block's parameters.
pub(super) struct Layer<B> {
    pub(super) attention_norm: Parameter<B>,
    /// Query, key and value heads.
    pub(super) qkv: Linear<B>,
    pub(super) output: Linear<B>,
    pub(super) feed_norm: Parameter<B>,
    /// Gates, then ups.
    pub(super) gate_up: Linear<B>,
    pub(super) down: Linear<B>,
}

impl<B> Layer<B> {
    /// All parameters, in a fixed order.
    pub(super) fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let norms = [&mut self.attention_norm, &mut self.feed_norm];
        let linears = [
            &mut self.qkv,
            &mut self.output,
            &mut self.gate_up,
            &mut self.down,
        ];
        norms
            .into_iter()
            .chain(linears.into_iter().flat_map(Linear::parameters))
    }

    pub(super) fn linears(&self) -> [&Linear<B>; 4] {
        [&self.qkv, &self.output, &self.gate_up, &self.down]
    }
}

/// What a block's forward pass leaves for its backward pass.
pub(super) struct Kept<B> {
    /// Queries, keys and values, turned by their positions.
    qkv: B,
    norms: B,
    gate_up: B,
    /// Inner values of the four linear layers' adapters.
    inner: [B; 4],
}

/// Values in a row of everything that a block keeps, with the store of each.
pub(super) fn kept_columns(sizes: &Sizes) -> [(Store, usize); 7] {
    let [qkv, output, gate_up, down] = sizes.inner;
    [
        (Store::Activation, sizes.attention.columns()),
        (Store::Exact, sizes.attention.heads.query),
        (Store::Activation, 2 * sizes.feed),
        (Store::Activation, qkv),
        (Store::Activation, output),
        (Store::Activation, gate_up),
        (Store::Activation, down),
    ]
}

impl<B> Kept<B> {
    pub(super) fn new<D: Device<Buffer = B>>(
        device: &D,
        sizes: &Sizes,
        rows: usize,
    ) -> Result<Self> {
        let columns = kept_columns(sizes);
        let zeros = |i: usize| device.zeros(columns[i].0, rows * columns[i].1);
        Ok(Self {
            qkv: zeros(0)?,
            norms: zeros(1)?,
            gate_up: zeros(2)?,
            inner: [zeros(3)?, zeros(4)?, zeros(5)?, zeros(6)?],
        })
    }
}

/// Sizes that all blocks share.
#[derive(Clone)]
pub(super) struct Sizes {
    pub(super) attention: Attention,
    pub(super) width: usize,
    pub(super) feed: usize,
    pub(super) epsilon: f32,
    /// Inner values of the four linear layers' adapters, most of all blocks.
    pub(super) inner: [usize; 4],
    /// Whether adapters leave inputs out.
    pub(super) drops: bool,
}

/// Room that all blocks share.
pub(super) struct Room<B> {
    /// The stream behind a norm.
    normed: B,
    /// Gradients of that, or of attention's result.
    slopes: B,
    /// Attention's result.
    attended: B,
    /// The stream between a block's two parts.
    middle: B,
    /// `[rows][feed]`, or gradients of queries, keys and values.
    wide: B,
    inner: B,
    dropped: B,
}

/// Values in a row of the shared room.
pub(super) fn room_columns(sizes: &Sizes) -> [usize; 7] {
    let queries = sizes.attention.query_columns();
    let dropped = if sizes.drops {
        sizes.width.max(sizes.feed).max(queries)
    } else {
        0
    };
    [
        sizes.width,
        sizes.width.max(queries),
        queries,
        sizes.width,
        sizes.feed.max(sizes.attention.columns()),
        sizes.inner.into_iter().max().unwrap_or(0),
        dropped,
    ]
}

impl<B> Room<B> {
    pub(super) fn new<D: Device<Buffer = B>>(
        device: &D,
        sizes: &Sizes,
        rows: usize,
    ) -> Result<Self> {
        let columns = room_columns(sizes);
        let zeros = |i: usize| device.zeros(Store::Activation, rows * columns[i]);
        Ok(Self {
            normed: zeros(0)?,
            slopes: zeros(1)?,
            attended: zeros(2)?,
            middle: zeros(3)?,
            wide: zeros(4)?,
            inner: zeros(5)?,
            dropped: zeros(6)?,
        })
    }
}

/// What a pass over a block is told.
pub(super) struct Pass<'a, D: Device> {
    pub(super) device: &'a D,
    pub(super) sizes: &'a Sizes,
    pub(super) packing: &'a Packing,
    /// Decides which inputs adapters leave out; each linear layer has its own.
    pub(super) seed: u64,
}

impl<D: Device> Pass<'_, D> {
    fn rows(&self) -> usize {
        self.packing.rows()
    }

    /// `y` from `x`.
    pub(super) fn forward(
        &self,
        layer: &Layer<D::Buffer>,
        (x, y): (&D::Buffer, &mut D::Buffer),
        kept: &mut Kept<D::Buffer>,
        room: &mut Room<D::Buffer>,
    ) -> Result<()> {
        let (device, sizes, rows) = (self.device, self.sizes, self.rows());
        let norm = &layer.attention_norm.value;
        device.rms_norm(x, norm, sizes.epsilon, &mut room.normed, rows)?;
        let [one, _, _, _] = &mut kept.inner;
        let mut inner = self.inner(one, &mut room.inner, &mut room.dropped, 0);
        let (from, to) = ((&room.normed, rows), (&mut kept.qkv, Put::Set(1.0)));
        layer.qkv.forward(device, from, to, &mut inner)?;
        device.rope(
            &sizes.attention,
            self.packing,
            Direction::Forward,
            &mut kept.qkv,
        )?;
        self.middle(layer, x, kept, room)?;
        let norm = &layer.feed_norm.value;
        device.rms_norm(&room.middle, norm, sizes.epsilon, &mut room.normed, rows)?;
        let [_, _, three, four] = &mut kept.inner;
        let mut inner = self.inner(three, &mut room.inner, &mut room.dropped, 2);
        let (from, to) = ((&room.normed, rows), (&mut kept.gate_up, Put::Set(1.0)));
        layer.gate_up.forward(device, from, to, &mut inner)?;
        device.silu_mul(&kept.gate_up, sizes.feed, &mut room.wide, rows)?;
        device.copy(&room.middle, y, rows * sizes.width)?;
        let mut inner = self.inner(four, &mut room.inner, &mut room.dropped, 3);
        let (from, to) = ((&room.wide, rows), (y, Put::Add(1.0)));
        layer.down.forward(device, from, to, &mut inner)
    }

    /// Attention's result and the stream behind it, from queries, keys and values.
    fn middle(
        &self,
        layer: &Layer<D::Buffer>,
        x: &D::Buffer,
        kept: &mut Kept<D::Buffer>,
        room: &mut Room<D::Buffer>,
    ) -> Result<()> {
        let (device, sizes, rows) = (self.device, self.sizes, self.rows());
        let (qkv, norms) = (&kept.qkv, &mut kept.norms);
        device.attention(
            &sizes.attention,
            self.packing,
            qkv,
            &mut room.attended,
            norms,
        )?;
        device.copy(x, &mut room.middle, rows * sizes.width)?;
        let [_, two, _, _] = &mut kept.inner;
        let mut inner = self.inner(two, &mut room.inner, &mut room.dropped, 1);
        let (from, to) = ((&room.attended, rows), (&mut room.middle, Put::Add(1.0)));
        layer.output.forward(device, from, to, &mut inner)
    }

    /// Turns `slopes`, the gradient for the block's result, into that for its input (`x`), and adds to
    /// the gradients of its parameters. What was kept is used up. Without `deeper`, nobody needs the
    /// gradient for the input.
    pub(super) fn backward(
        &self,
        layer: &mut Layer<D::Buffer>,
        (x, slopes): (&D::Buffer, &mut D::Buffer),
        kept: &mut Kept<D::Buffer>,
        room: &mut Room<D::Buffer>,
        deeper: bool,
    ) -> Result<()> {
        self.middle(layer, x, kept, room)?;
        self.feed_backward(layer, slopes, kept, room)?;
        let (device, sizes, rows) = (self.device, self.sizes, self.rows());
        let shape = &sizes.attention;
        let [one, two, _, _] = &mut kept.inner;
        let mut inner = self.inner(two, &mut room.inner, &mut room.dropped, 1);
        let dy = (&*slopes, rows);
        let dx = Some(&mut room.slopes);
        layer.output.input_backward(device, dy, dx, &mut inner)?;
        layer
            .output
            .weights_backward(device, &room.attended, dy, &mut inner)?;
        let forward = (&kept.qkv, &room.attended, &kept.norms);
        let dqkv = &mut room.wide;
        device.attention_backward(shape, self.packing, forward, &room.slopes, dqkv)?;
        device.rope(shape, self.packing, Direction::Backward, dqkv)?;
        let norm = &layer.attention_norm.value;
        device.rms_norm(x, norm, sizes.epsilon, &mut room.normed, rows)?;
        let mut inner = self.inner(one, &mut room.inner, &mut room.dropped, 0);
        let dy = (&room.wide, rows);
        let deeper = deeper || layer.attention_norm.trained.is_some();
        let dx = deeper.then_some(&mut room.slopes);
        layer.qkv.input_backward(device, dy, dx, &mut inner)?;
        layer
            .qkv
            .weights_backward(device, &room.normed, dy, &mut inner)?;
        if deeper {
            self.norm_backward(&mut layer.attention_norm, x, &room.slopes, slopes)?;
        }
        Ok(())
    }

    /// The second part of a block: `slopes` becomes the gradient for the stream between the parts.
    fn feed_backward(
        &self,
        layer: &mut Layer<D::Buffer>,
        slopes: &mut D::Buffer,
        kept: &mut Kept<D::Buffer>,
        room: &mut Room<D::Buffer>,
    ) -> Result<()> {
        let (device, sizes, rows) = (self.device, self.sizes, self.rows());
        let gate_up = &mut kept.gate_up;
        let [_, _, three, four] = &mut kept.inner;
        let mut inner = self.inner(four, &mut room.inner, &mut room.dropped, 3);
        let dy = (&*slopes, rows);
        let dx = Some(&mut room.wide);
        layer.down.input_backward(device, dy, dx, &mut inner)?;
        device.silu_mul_backward(gate_up, sizes.feed, &mut room.wide, rows)?;
        layer
            .down
            .weights_backward(device, &room.wide, dy, &mut inner)?;
        let norm = &layer.feed_norm.value;
        device.rms_norm(&room.middle, norm, sizes.epsilon, &mut room.normed, rows)?;
        let mut inner = self.inner(three, &mut room.inner, &mut room.dropped, 2);
        let dy = (&*gate_up, rows);
        let dx = Some(&mut room.slopes);
        layer.gate_up.input_backward(device, dy, dx, &mut inner)?;
        layer
            .gate_up
            .weights_backward(device, &room.normed, dy, &mut inner)?;
        self.norm_backward(&mut layer.feed_norm, &room.middle, &room.slopes, slopes)
    }

    fn norm_backward(
        &self,
        norm: &mut Parameter<D::Buffer>,
        x: &D::Buffer,
        dy: &D::Buffer,
        dx: &mut D::Buffer,
    ) -> Result<()> {
        norm_backward(
            self.device,
            norm,
            (x, self.sizes.epsilon, self.rows()),
            dy,
            dx,
        )
    }

    fn inner<'b>(
        &self,
        kept: &'b mut D::Buffer,
        slopes: &'b mut D::Buffer,
        dropped: &'b mut D::Buffer,
        linear: u64,
    ) -> Inner<'b, D::Buffer> {
        Inner {
            kept,
            dropped,
            slopes,
            seed: self.seed ^ (linear << 62),
        }
    }
}

/// Adds the gradient of a norm to `dx`, and to its weights' where they are trained.
pub(super) fn norm_backward<D: Device>(
    device: &D,
    norm: &mut Parameter<D::Buffer>,
    (x, epsilon, rows): (&D::Buffer, f32, usize),
    dy: &D::Buffer,
    dx: &mut D::Buffer,
) -> Result<()> {
    norm.sum(device)?;
    let Parameter { value, trained, .. } = norm;
    let dweight = trained.as_mut().map(|t| &mut t.gradient);
    device.rms_norm_backward((x, value, epsilon), dy, dx, dweight, rows)
}
