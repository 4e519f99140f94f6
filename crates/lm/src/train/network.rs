//! The network over any device: parameters laid out for its products, the room of a pass, and the
//! passes themselves. It knows no files, no optimiser and no clock.

use super::batch::Batch;
use super::layer::{Kept, Layer, Pass, Room, Sizes};
use super::memory;
use super::parameter::Parameter;
use super::settings::{Settings, Tuning};
use super::{build, head};
use crate::device::{Device, Store};
use crate::loss::{Loss, Outcome};
use crate::weights::Tensor;
use crate::{Config, Error, ModelFiles, Result, Weights};
use std::sync::Arc;

/// A model's weights on a device, with room for passes of a bounded number of rows.
pub struct Network<D: Device> {
    pub(super) device: Arc<D>,
    pub(super) config: Config,
    pub(super) sizes: Sizes,
    pub(super) embedding: Parameter<D::Buffer>,
    pub(super) layers: Vec<Layer<D::Buffer>>,
    pub(super) norm: Parameter<D::Buffer>,
    /// Only where it is not the table of embeddings.
    pub(super) head: Option<Parameter<D::Buffer>>,
    pub(super) work: Work<D::Buffer>,
}

/// Room of a pass.
pub(super) struct Work<B> {
    /// Most rows of a pass.
    pub(super) rows: usize,
    /// The stream before each block and after the last: one each where there is a backward pass, else
    /// two in turn.
    pub(super) stream: Vec<B>,
    /// One a block, or one for all.
    kept: Vec<Kept<B>>,
    room: Room<B>,
    pub(super) head: head::Room<B>,
    /// Gradient of the stream; `None` where nothing is trained.
    slopes: Option<B>,
}

/// What the learnt rows of a batch are held against.
#[derive(Debug)]
pub enum Goal<'a, D: Device> {
    /// The batch's own next tokens.
    Next,
    /// Whatever the loss takes, one for each of [`Batch::learnt`].
    Rows(&'a [crate::loss::Target<'a, f32>]),
    /// A teacher's distribution over the whole vocabulary, computed chunk by chunk on the device from
    /// its last hidden rows.
    Teacher(&'a Hidden<D>, &'a Network<D>),
    /// The same with rows from elsewhere, and the teacher's table alone.
    Hidden(&'a Hidden<D>, &'a super::Head<D>),
    /// Spans of a teacher with another vocabulary; the step's own loss is not looked at.
    Spans(&'a super::Spans<'a, D>),
}

/// The last hidden rows of a network for the learnt rows of a batch: the distribution over the whole
/// vocabulary in as many values a row as the model is wide.
pub struct Hidden<D: Device> {
    pub(super) rows: usize,
    pub(super) values: D::Buffer,
}

impl<D: Device> std::fmt::Debug for Hidden<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hidden")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl<D: Device> std::fmt::Debug for Network<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<D: Device> Network<D> {
    /// Moves weights to a device. Memory is foreseen first: for the weights, what is trained, and
    /// passes of `settings.rows` rows.
    ///
    /// # Errors
    /// [`Error::Memory`] before anything large is taken; [`Error::Invalid`] where a weight is missing or
    /// a setting out of its range.
    pub fn new(device: Arc<D>, mut weights: Weights, settings: &Settings) -> Result<Self> {
        weights.check()?;
        let config = weights.config().clone();
        // Each tensor is let go as it is copied.
        Self::build(device, config, settings, &mut |name| {
            let tensor = weights.take(name).map(Tensor::into_data);
            tensor.ok_or_else(|| Error::Invalid(format!("tensor {name:?} is missing")))
        })
    }

    /// The same from a model's files, one tensor after the other: no second copy is ever in memory.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of the files.
    pub fn open(device: Arc<D>, files: &ModelFiles<'_>, settings: &Settings) -> Result<Self> {
        let config = files.config().clone();
        Self::build(device, config, settings, &mut |name| {
            files.tensors().read(name).map(std::borrow::Cow::into_owned)
        })
    }

    fn build(
        device: Arc<D>,
        config: Config,
        settings: &Settings,
        source: build::Source<'_>,
    ) -> Result<Self> {
        settings.check()?;
        memory::check(&*device, &config, settings)?;
        let mut parts = build::parameters(&*device, &config, settings)?;
        build::fill(&*device, &mut parts, source, settings.seed)?;
        let inner = |i: usize| parts.layers.iter().map(|l| l.linears()[i].inner()).max();
        let sizes = memory::sizes(
            &config,
            settings,
            [0, 1, 2, 3].map(|i| inner(i).unwrap_or(0)),
        );
        let work = Work::new(&*device, &config, &sizes, settings)?;
        Ok(Self {
            device,
            sizes,
            embedding: parts.embedding,
            layers: parts.layers,
            norm: parts.norm,
            head: parts.head,
            work,
            config,
        })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Most rows of a batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.work.rows
    }

    /// The log-probability of each learnt token of a batch, in the order of [`Batch::learnt`].
    ///
    /// # Errors
    /// [`Error::Invalid`] where the batch has too many rows, [`Error::ContextOverflow`] where a document
    /// is longer than the model's context, [`Error::UnknownToken`].
    pub fn score(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        self.forward(batch, 0)?;
        head::score(self, batch)
    }

    /// The last hidden rows of a batch, for [`Goal::Teacher`].
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn hidden(&mut self, batch: &Batch) -> Result<Hidden<D>> {
        self.forward(batch, 0)?;
        head::hidden(self, batch)
    }

    /// Value of the loss at each learnt row, and gradients of `scale` times the weighted sum added to
    /// those that are there.
    pub(super) fn learn(
        &mut self,
        batch: &Batch,
        goal: &Goal<'_, D>,
        loss: &Loss,
        (scale, seed): (f64, u64),
    ) -> Result<Vec<Outcome>> {
        self.forward(batch, seed)?;
        let Some(mut slopes) = self.work.slopes.take() else {
            return Err(Error::Invalid("this network is frozen".into()));
        };
        let out = head::learn(self, batch, goal, (loss, scale), &mut slopes);
        let out = out.and_then(|out| self.backward(batch, seed, &mut slopes).map(|()| out));
        self.work.slopes = Some(slopes);
        out
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        if batch.len() > self.work.rows {
            let (rows, most) = (batch.len(), self.work.rows);
            let text = format!("a batch of {rows} rows where there is room for {most}");
            return Err(Error::Invalid(text));
        }
        let (longest, context) = (batch.packing.longest(), self.config.context);
        if longest > context {
            return Err(Error::ContextOverflow {
                context,
                tokens: longest,
            });
        }
        Ok(())
    }

    /// The stream after the last block.
    pub(super) fn last(&self) -> usize {
        self.config.layers % self.work.stream.len()
    }

    fn forward(&mut self, batch: &Batch, seed: u64) -> Result<()> {
        self.check(batch)?;
        let device = &*self.device;
        let Work {
            stream, kept, room, ..
        } = &mut self.work;
        let (table, width) = (&self.embedding.value, self.config.width);
        device.embed(table, width, &batch.tokens, &mut stream[0])?;
        for (number, layer) in self.layers.iter().enumerate() {
            let pass = pass(device, &self.sizes, batch, (seed, number));
            let count = stream.len();
            let (x, y) = two(stream, number % count, (number + 1) % count);
            let kept_of = number % kept.len();
            pass.forward(layer, (x, y), &mut kept[kept_of], room)?;
        }
        Ok(())
    }

    fn backward(&mut self, batch: &Batch, seed: u64, slopes: &mut D::Buffer) -> Result<()> {
        let device = &*self.device;
        let Work {
            stream, kept, room, ..
        } = &mut self.work;
        let checkpointing = kept.len() < self.layers.len();
        let trains_table = self.embedding.trained.is_some();
        for (number, layer) in self.layers.iter_mut().enumerate().rev() {
            let pass = pass(device, &self.sizes, batch, (seed, number));
            let kept_of = number % kept.len();
            let kept = &mut kept[kept_of];
            let (x, y) = two(stream, number, number + 1);
            if checkpointing {
                // The same operations on the same numbers: the same bytes.
                pass.forward(layer, (x, y), kept, room)?;
            }
            let deeper = number > 0 || trains_table;
            pass.backward(layer, (x, slopes), kept, room, deeper)?;
        }
        if let Some(table) = self.embedding.sum(device)? {
            device.embed_backward(slopes, self.config.width, &batch.tokens, table)?;
        }
        Ok(())
    }

    /// The head's table.
    pub(super) fn table(&self) -> &D::Buffer {
        self.head
            .as_ref()
            .map_or(&self.embedding.value, |head| &head.value)
    }

    /// All parameters, in a fixed order.
    pub(super) fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<D::Buffer>> {
        let outer = [
            Some(&mut self.embedding),
            Some(&mut self.norm),
            self.head.as_mut(),
        ];
        let layers = self.layers.iter_mut().flat_map(Layer::parameters);
        outer.into_iter().flatten().chain(layers)
    }
}

fn pass<'a, D: Device>(
    device: &'a D,
    sizes: &'a Sizes,
    batch: &'a Batch,
    (seed, layer): (u64, usize),
) -> Pass<'a, D> {
    Pass {
        device,
        sizes,
        packing: &batch.packing,
        seed: super::mix(seed, layer as u64),
    }
}

/// Two different elements, the second to be written.
fn two<T>(values: &mut [T], a: usize, b: usize) -> (&T, &mut T) {
    if a < b {
        let (front, back) = values.split_at_mut(b);
        (&front[a], &mut back[0])
    } else {
        let (front, back) = values.split_at_mut(a);
        (&back[0], &mut front[b])
    }
}

impl<B> Work<B> {
    fn new<D: Device<Buffer = B>>(
        device: &D,
        config: &Config,
        sizes: &Sizes,
        settings: &Settings,
    ) -> Result<Self> {
        let trains = settings.tuning != Tuning::Frozen;
        let rows = settings.rows;
        let (streams, kept) = memory::copies(config, settings);
        let row = || device.zeros(Store::Activation, rows * config.width);
        Ok(Self {
            rows,
            stream: (0..streams).map(|_| row()).collect::<Result<_>>()?,
            kept: (0..kept)
                .map(|_| Kept::new(device, sizes, rows))
                .collect::<Result<_>>()?,
            room: Room::new(device, sizes, rows)?,
            head: head::Room::new(device, config, rows, trains)?,
            slopes: trains.then(row).transpose()?,
        })
    }
}
