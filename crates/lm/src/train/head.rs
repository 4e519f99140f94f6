//! The end of the network: last norm, logits and loss in chunks of rows, so that tokens x vocabulary
//! is never in memory; and only for the rows that have a loss.

use super::batch::Batch;
use super::layer;
use super::network::{Goal, Hidden, Network};
use super::parameter::Parameter;
use super::spans::{self, Spans};
use crate::device::{Device, Mat, MatMut, Product, Put, Store, Targets};
use crate::loss::{Loss, Outcome};
use crate::{Config, Error, Result};

/// Values of logits in memory at once: 48 MiB of f32.
const MOST: usize = 12 << 20;
/// Most and fewest rows of a chunk.
const ROWS: std::ops::RangeInclusive<usize> = 16..=512;

/// Room of the network's end.
pub(super) struct Room<B> {
    /// Most rows of a chunk.
    chunk: usize,
    /// All rows after the last norm, or their gradients.
    normed: B,
    /// The rows of a chunk.
    rows: B,
    slopes: B,
    logits: B,
    /// A teacher's logits; taken when there is one.
    teacher: Option<B>,
}

/// Most rows of a chunk for a vocabulary.
pub(super) fn chunk(vocabulary: usize, rows: usize) -> usize {
    (MOST / vocabulary.max(1))
        .clamp(*ROWS.start(), *ROWS.end())
        .min(rows)
}

/// Values that the network's end takes.
pub(super) fn values(config: &Config, rows: usize) -> usize {
    let chunk = chunk(config.vocabulary, rows);
    let chunk = chunk.saturating_mul(2 * config.width + config.vocabulary);
    rows.saturating_mul(config.width).saturating_add(chunk)
}

impl<B> Room<B> {
    pub(super) fn new<D: Device<Buffer = B>>(
        device: &D,
        config: &Config,
        rows: usize,
        trains: bool,
    ) -> Result<Self> {
        let chunk = chunk(config.vocabulary, rows);
        let zeros = |length| device.zeros(Store::Activation, length);
        Ok(Self {
            chunk,
            normed: zeros(rows * config.width)?,
            rows: zeros(chunk * config.width)?,
            slopes: zeros(if trains { chunk * config.width } else { 0 })?,
            logits: zeros(chunk * config.vocabulary)?,
            teacher: None,
        })
    }
}

/// Chunks of nearly equal size: start and end of each.
fn chunks(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most.max(1)).max(1);
    (0..count)
        .map(move |i| (rows * i / count, rows * (i + 1) / count))
        .filter(|(a, b)| a < b)
}

/// Log-probabilities of the learnt tokens; the stream is ready.
pub(super) fn score<D: Device>(network: &mut Network<D>, batch: &Batch) -> Result<Vec<f32>> {
    let mut end = End::of(network, batch)?;
    let mut out = vec![0.0; batch.rows.len()];
    for (start, stop) in chunks(batch.rows.len(), end.room.chunk) {
        end.logits(&batch.rows[start..stop])?;
        let values = &mut out[start..stop];
        let logits = &end.room.logits;
        end.device
            .score(logits, end.vocabulary, &batch.next[start..stop], values)?;
    }
    Ok(out)
}

/// The learnt rows after the last norm; the stream is ready.
pub(super) fn hidden<D: Device>(network: &mut Network<D>, batch: &Batch) -> Result<Hidden<D>> {
    let end = End::of(network, batch)?;
    let rows = batch.rows.len();
    let mut values = end.device.zeros(Store::Activation, rows * end.width)?;
    end.device
        .embed(&end.room.normed, end.width, &batch.rows, &mut values)?;
    Ok(Hidden { rows, values })
}

/// The loss of the learnt rows; `slopes` becomes the gradient of the stream after the last block.
pub(super) fn learn<D: Device>(
    network: &mut Network<D>,
    batch: &Batch,
    goal: &Goal<'_, D>,
    (loss, scale): (&Loss, f64),
    slopes: &mut D::Buffer,
) -> Result<Vec<Outcome>> {
    let rows = batch.rows.len();
    let mut end = End::of(network, batch)?;
    end.check(goal, rows)?;
    end.device.clear(slopes)?;
    let weights = batch.weights.iter().map(|&w| (f64::from(w) * scale) as f32);
    let weights: Vec<f32> = weights.collect();
    let mut out = vec![Outcome::default(); rows];
    for (start, stop) in chunks(rows, end.room.chunk) {
        let ids = &batch.rows[start..stop];
        end.logits(ids)?;
        let values = (&weights[start..stop], &mut out[start..stop]);
        end.loss(batch, goal, loss, (start, stop), values)?;
        end.backward(ids, slopes)?;
    }
    // What was the gradient after the norm becomes that before it.
    let (device, room) = (end.device, end.room);
    device.copy(slopes, &mut room.normed, batch.len() * end.width)?;
    device.clear(slopes)?;
    let forward = (end.stream, end.epsilon, batch.len());
    layer::norm_backward(device, end.norm, forward, &room.normed, slopes)?;
    Ok(out)
}

/// The parts of a network that its end uses.
struct End<'a, D: Device> {
    device: &'a D,
    width: usize,
    vocabulary: usize,
    epsilon: f32,
    /// The stream after the last block.
    stream: &'a D::Buffer,
    norm: &'a mut Parameter<D::Buffer>,
    table: &'a mut Parameter<D::Buffer>,
    room: &'a mut Room<D::Buffer>,
    /// The slope of a span that goes on in the next chunk.
    carried: f64,
}

impl<'a, D: Device> End<'a, D> {
    /// The end of a network, with all rows of a batch behind the last norm.
    fn of(network: &'a mut Network<D>, batch: &Batch) -> Result<Self> {
        let last = network.last();
        let work = &mut network.work;
        let end = Self {
            device: &network.device,
            width: network.config.width,
            vocabulary: network.config.vocabulary,
            epsilon: network.config.epsilon,
            stream: &work.stream[last],
            norm: &mut network.norm,
            table: network.head.as_mut().unwrap_or(&mut network.embedding),
            room: &mut work.head,
            carried: 0.0,
        };
        let (norm, normed) = (&end.norm.value, &mut end.room.normed);
        end.device
            .rms_norm(end.stream, norm, end.epsilon, normed, batch.len())?;
        Ok(end)
    }

    fn check(&self, goal: &Goal<'_, D>, rows: usize) -> Result<()> {
        if let Goal::Spans(spans) = goal {
            return spans.check(rows);
        }
        let (targets, vocabulary, fits) = match (goal, goal.taught()) {
            (_, Some(taught)) => {
                let values = self.device.length(&taught.hidden.values);
                let fits = values == taught.hidden.rows * taught.width;
                (taught.hidden.rows, taught.vocabulary, fits)
            }
            (Goal::Rows(targets), None) => (targets.len(), self.vocabulary, true),
            (_, None) => (rows, self.vocabulary, true),
        };
        if !fits {
            let text = "a teacher's rows are not as wide as its table";
            return Err(Error::Invalid(text.into()));
        }
        if targets != rows {
            return Err(Error::Invalid(format!(
                "{targets} targets for {rows} learnt tokens"
            )));
        }
        if vocabulary != self.vocabulary {
            let own = self.vocabulary;
            let text = format!("a teacher's vocabulary of {vocabulary}, the student's is {own}");
            return Err(Error::Invalid(text));
        }
        Ok(())
    }

    /// Logits of some rows of the batch.
    fn logits(&mut self, ids: &[u32]) -> Result<()> {
        let room = &mut *self.room;
        self.device
            .embed(&room.normed, self.width, ids, &mut room.rows)?;
        let x = Mat::new(&room.rows, ids.len(), self.width);
        let table = Mat::new(&self.table.value, self.vocabulary, self.width);
        let out = MatMut::new(&mut room.logits, ids.len(), self.vocabulary);
        self.device
            .multiply(Product::Nt, x, table, out, Put::Set(1.0))
    }

    /// Values of a chunk's losses; its logits become their gradients.
    fn loss(
        &mut self,
        batch: &Batch,
        goal: &Goal<'_, D>,
        loss: &Loss,
        (start, stop): (usize, usize),
        values: (&[f32], &mut [Outcome]),
    ) -> Result<()> {
        if let Goal::Spans(spans) = goal {
            return self.spans(spans, &batch.next, (start, stop), values);
        }
        let (device, vocabulary, rows) = (self.device, self.vocabulary, stop - start);
        let room = &mut *self.room;
        let targets = match (goal, goal.taught()) {
            (Goal::Rows(targets), _) => Targets::Rows(&targets[start..stop]),
            (_, None) => Targets::Tokens(&batch.next[start..stop]),
            (_, Some(taught)) => {
                if room.teacher.is_none() {
                    let length = room.chunk * vocabulary;
                    room.teacher = Some(device.zeros(Store::Activation, length)?);
                }
                let Some(logits) = &mut room.teacher else {
                    return Err(Error::Device(
                        "a buffer that was just made is not there".into(),
                    ));
                };
                let (hidden, width) = (taught.hidden, taught.width);
                let x = Mat::new(&hidden.values, hidden.rows, width).rows(start, rows);
                let table = Mat::new(taught.table, vocabulary, width);
                let out = MatMut::new(logits, rows, vocabulary);
                device.multiply(Product::Nt, x, table, out, Put::Set(1.0))?;
                Targets::Logits(logits, rows)
            }
        };
        device.loss(loss, &mut room.logits, vocabulary, targets, values)
    }

    /// The same of spans.
    fn spans(
        &mut self,
        spans: &Spans<'_, D>,
        next: &[u32],
        (start, stop): (usize, usize),
        (weights, values): (&[f32], &mut [Outcome]),
    ) -> Result<()> {
        let (device, vocabulary) = (self.device, self.vocabulary);
        let before = spans::firsts(&spans.rows[..start]);
        let here = spans::firsts(&spans.rows[start..stop]);
        let teacher = spans.head.logits(device, spans.hidden, (before, here))?;
        let mut logits = vec![0.0; (stop - start) * vocabulary];
        device.read(&self.room.logits, 0, &mut logits)?;
        let part = spans::Part {
            start,
            logits: &mut logits,
            vocabulary,
            teacher: &teacher,
            next,
            weights,
            values,
        };
        spans.losses(part, &mut self.carried);
        device.write(&mut self.room.logits, 0, &logits)
    }

    /// From gradients of a chunk's logits to those of its rows, and of the table where it is trained.
    fn backward(&mut self, ids: &[u32], slopes: &mut D::Buffer) -> Result<()> {
        let (device, width, vocabulary) = (self.device, self.width, self.vocabulary);
        let room = &mut *self.room;
        let dy = Mat::new(&room.logits, ids.len(), vocabulary);
        if let Some((out, put)) = self.table.gradient(vocabulary, width) {
            let x = Mat::new(&room.rows, ids.len(), width);
            device.multiply(Product::Tn, dy, x, out, put)?;
        }
        let table = Mat::new(&self.table.value, vocabulary, width);
        let out = MatMut::new(&mut room.slopes, ids.len(), width);
        device.multiply(Product::Nn, dy, table, out, Put::Set(1.0))?;
        device.embed_backward(&room.slopes, width, ids, slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_rows_evenly() {
        assert_eq!(chunks(10, 4).collect::<Vec<_>>(), [(0, 3), (3, 6), (6, 10)]);
        assert_eq!(chunks(0, 4).count(), 0);
        assert_eq!(chunk(49_152, 1024), 256);
        assert_eq!(chunk(1 << 30, 1024), 16);
        assert_eq!(chunk(100, 7), 7);
    }
}
