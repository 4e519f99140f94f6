//! Steps of training: gradients of one or more batches, cut to a norm, put to the weights by AdamW.

use super::batch::Batch;
use super::network::{Goal, Network};
use super::parameter::Parameter;
use super::settings::{Settings, Tuning};
use crate::device::{Adam, Device};
use crate::loss::Loss;
use crate::weights::Tensor;
use crate::{Adapter, Error, LowRank, ModelFiles, Result, Weights};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A network in training.
#[derive(Debug)]
pub struct Trainer<D: Device> {
    pub(super) network: Network<D>,
    pub(super) settings: Settings,
    /// Steps done.
    pub(super) step: u64,
    /// Of these, those that learnt nothing: moments know of none of them.
    pub(super) passed: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Number of the step, from 1.
    pub step: u64,
    /// Weighted mean of the loss over the learnt tokens, in nats, before the step.
    pub loss: f64,
    /// Learnt tokens.
    pub tokens: usize,
    /// Norm of the whole gradient before it was cut.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f32,
    /// Floored log-probabilities and clipped ratios.
    pub clamped: u64,
    /// Tokens whose gradient has vanished although their loss has not.
    pub saturated: u64,
}

impl<D: Device> Trainer<D> {
    /// Moves weights to a device, ready to train.
    ///
    /// # Errors
    /// As [`Network::new`]; [`Error::Invalid`] for [`Tuning::Frozen`].
    pub fn new(device: Arc<D>, weights: Weights, settings: Settings) -> Result<Self> {
        let network = Network::new(device, weights, &settings)?;
        Self::of(network, settings)
    }

    /// The same from a model's files: no second copy of the weights is ever in memory.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of the files.
    pub fn open(device: Arc<D>, files: &ModelFiles<'_>, settings: Settings) -> Result<Self> {
        let network = Network::open(device, files, &settings)?;
        Self::of(network, settings)
    }

    fn of(network: Network<D>, settings: Settings) -> Result<Self> {
        if settings.tuning == Tuning::Frozen {
            return Err(Error::Invalid("training: nothing is to be trained".into()));
        }
        Ok(Self {
            network,
            settings,
            step: 0,
            passed: 0,
        })
    }

    /// The network, to score with.
    pub fn network(&mut self) -> &mut Network<D> {
        &mut self.network
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step over all batches together: their gradients are added up, so that it is that of one
    /// large batch up to rounding. The loss is the mean over learnt tokens, weighted.
    ///
    /// # Errors
    /// As [`Network::score`]; [`Error::Invalid`] where no token counts or a loss can not take its target;
    /// [`Error::Diverged`] where loss or gradient are not finite. After an error nothing has been learnt.
    pub fn step(&mut self, batches: &[(&Batch, Goal<'_, D>)], loss: &Loss) -> Result<Report> {
        let total: f64 = batches.iter().map(|(batch, _)| batch.total_weight()).sum();
        if total <= 0.0 {
            return Err(Error::Invalid("a step without a token that counts".into()));
        }
        let report = self.gradients(batches, loss, total);
        let report = report.and_then(|report| self.update(report));
        if report.is_err() {
            // What was added up is of no step.
            self.network.parameters().for_each(|p| {
                if let Some(trained) = &mut p.trained {
                    trained.fresh = true;
                }
            });
        }
        report
    }

    fn gradients(
        &mut self,
        batches: &[(&Batch, Goal<'_, D>)],
        loss: &Loss,
        total: f64,
    ) -> Result<Report> {
        let step = self.step + 1;
        let mut report = Report {
            step,
            loss: 0.0,
            tokens: 0,
            gradient_norm: 0.0,
            rate: self.settings.optimiser.schedule.rate(step),
            clamped: 0,
            saturated: 0,
        };
        for (number, (batch, goal)) in batches.iter().enumerate() {
            let seed = super::mix(super::mix(self.settings.seed, step), number as u64);
            let outcomes = self.network.learn(batch, goal, loss, (1.0 / total, seed))?;
            for (outcome, &weight) in outcomes.iter().zip(&batch.weights) {
                if weight == 0.0 {
                    continue;
                }
                report.loss += outcome.value * f64::from(weight) / total;
                report.tokens += 1;
                report.clamped += u64::from(outcome.clamped);
                report.saturated += u64::from(outcome.saturated);
            }
        }
        Ok(report)
    }

    fn update(&mut self, mut report: Report) -> Result<Report> {
        let optimiser = self.settings.optimiser;
        let device = Arc::clone(&self.network.device);
        let mut squares = 0.0;
        for parameter in self.network.parameters() {
            squares += parameter.square_sum(&*device)?;
        }
        report.gradient_norm = squares.sqrt();
        if !report.loss.is_finite() || !squares.is_finite() {
            return Err(Error::Diverged {
                step: report.step,
                loss: report.loss,
                norm: report.gradient_norm,
            });
        }
        let scale = match optimiser.clip {
            // PyTorch's: the norm is a hair larger.
            Some(clip) => (f64::from(clip) / (report.gradient_norm + 1e-6)).min(1.0),
            None => 1.0,
        };
        let adam = Adam {
            rate: report.rate,
            beta1: optimiser.beta1,
            beta2: optimiser.beta2,
            epsilon: optimiser.epsilon,
            decay: optimiser.decay,
            step: report.step - self.passed,
            scale: scale as f32,
        };
        for parameter in self.network.parameters() {
            parameter.step(&*device, &adam)?;
        }
        self.step = report.step;
        Ok(report)
    }

    /// A step that learns nothing, as where no token counts: it is counted, and weights and moments stay.
    pub fn pass(&mut self) -> Report {
        self.step += 1;
        self.passed += 1;
        Report {
            step: self.step,
            loss: 0.0,
            tokens: 0,
            gradient_norm: 0.0,
            rate: self.settings.optimiser.schedule.rate(self.step),
            clamped: 0,
            saturated: 0,
        }
    }

    /// The numbers of a step that is not taken: its rate is told, and nothing changes.
    ///
    /// # Errors
    /// As [`step`](Self::step), but for [`Error::Diverged`].
    pub fn dry_step(&mut self, batches: &[(&Batch, Goal<'_, D>)], loss: &Loss) -> Result<Report> {
        let total: f64 = batches.iter().map(|(batch, _)| batch.total_weight()).sum();
        if total <= 0.0 {
            return Err(Error::Invalid("a step without a token that counts".into()));
        }
        let report = self.gradients(batches, loss, total);
        let device = Arc::clone(&self.network.device);
        let mut squares = 0.0;
        for parameter in self.network.parameters() {
            squares += parameter.square_sum(&*device)?;
            if let Some(trained) = &mut parameter.trained {
                trained.fresh = true;
            }
        }
        let mut report = report?;
        report.gradient_norm = squares.sqrt();
        Ok(report)
    }

    /// Every trained tensor's name and the norm of its gradient, of a step that is not taken: what tells
    /// whether a gradient reaches all that is trained.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn gradient_norms(
        &mut self,
        batches: &[(&Batch, Goal<'_, D>)],
        loss: &Loss,
    ) -> Result<BTreeMap<String, f64>> {
        let mut out = BTreeMap::new();
        self.gradients_at(batches, loss, &mut |name, values| {
            let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
            out.insert(name.to_owned(), squares.sqrt());
        })?;
        Ok(out)
    }

    /// Tells every trained tensor's name and its gradient, of a step that is not taken.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn gradients_at(
        &mut self,
        batches: &[(&Batch, Goal<'_, D>)],
        loss: &Loss,
        tell: &mut dyn FnMut(&str, &[f32]),
    ) -> Result<()> {
        let total: f64 = batches.iter().map(|(batch, _)| batch.total_weight()).sum();
        self.gradients(batches, loss, total)?;
        let device = Arc::clone(&self.network.device);
        for parameter in self.network.parameters() {
            let parts: Vec<_> = parameter.offsets().map(|(p, at)| (p.clone(), at)).collect();
            let Some(trained) = &mut parameter.trained else {
                continue;
            };
            let reached = !std::mem::replace(&mut trained.fresh, true);
            for (part, offset) in parts {
                let mut values = vec![0.0; part.length()];
                if reached {
                    device.read(&trained.gradient, offset, &mut values)?;
                }
                tell(&part.name, &values);
            }
        }
        Ok(())
    }

    /// Forgets moments and steps: what was learnt is the start of another training.
    ///
    /// # Errors
    /// The device's own.
    pub fn begin_anew(&mut self) -> Result<()> {
        let device = Arc::clone(&self.network.device);
        for parameter in self.network.parameters() {
            if let Some(trained) = &mut parameter.trained {
                trained.fresh = true;
                let mut moments = trained.moments.iter_mut();
                moments.try_for_each(|moment| device.clear(moment))?;
            }
        }
        (self.step, self.passed) = (0, 0);
        Ok(())
    }

    /// The weights as they are now, with low-rank changes merged.
    ///
    /// # Errors
    /// The device's own.
    pub fn weights(&self) -> Result<Weights> {
        let mut out = Weights::new(self.network.config.clone());
        self.each_tensor(&mut |part, values| {
            let tensor = Tensor::new(part.shape.clone(), values.to_vec())?;
            out.insert(&part.name, tensor)
        })?;
        Ok(out)
    }

    /// The low-rank changes, where those are what is trained.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a value is not finite.
    pub fn adapter(&mut self) -> Result<Option<Adapter>> {
        let Tuning::Lora(lora) = &self.settings.tuning else {
            return Ok(None);
        };
        let mut out = Adapter::new(lora.rank, lora.alpha, lora.dropout)?;
        let mut tensors = BTreeMap::new();
        let device = Arc::clone(&self.network.device);
        for parameter in self.network.parameters().filter(|p| p.trained.is_some()) {
            read(&*device, parameter, |name, tensor| {
                tensors.insert(name.to_owned(), tensor);
                Ok(())
            })?;
        }
        let names: Vec<String> = tensors
            .keys()
            .filter_map(|n| n.strip_suffix(".lora_a"))
            .map(str::to_owned)
            .collect();
        for name in names {
            let a = tensors.remove(&format!("{name}.lora_a"));
            let b = tensors.remove(&format!("{name}.lora_b"));
            if let (Some(a), Some(b)) = (a, b) {
                out.insert(&self.network.config, &name, LowRank { a, b })?;
            }
        }
        Ok(Some(out))
    }

    /// Puts low-rank changes in, to train them on.
    ///
    /// # Errors
    /// [`Error::Invalid`] where they are of another rank, scale or set of layers.
    pub fn load_adapter(&mut self, adapter: &Adapter) -> Result<()> {
        let Tuning::Lora(lora) = &self.settings.tuning else {
            return Err(Error::Invalid(
                "an adapter for a training without one".into(),
            ));
        };
        let expected = lora.targets.len() * self.network.config.layers;
        let same = (adapter.rank(), adapter.alpha()) == (lora.rank, lora.alpha);
        if !same || adapter.iter().count() != expected {
            return Err(Error::Invalid(
                "the adapter is of another rank, alpha or set of layers".into(),
            ));
        }
        let device = Arc::clone(&self.network.device);
        for parameter in self.network.parameters() {
            for part in parameter.parts.clone() {
                let (base, is_a) = match part.name.rsplit_once(".lora_") {
                    Some((base, which)) => (base, which == "a"),
                    None => continue,
                };
                let change = adapter.get(base);
                let change =
                    change.ok_or_else(|| Error::Invalid(format!("the adapter lacks {base}")))?;
                let tensor = if is_a { &change.a } else { &change.b };
                parameter.write(&*device, &part.name, tensor.data())?;
            }
        }
        Ok(())
    }
}

/// Hands over every tensor of a parameter.
fn read<D: Device>(
    device: &D,
    parameter: &Parameter<D::Buffer>,
    mut f: impl FnMut(&str, Tensor) -> Result<()>,
) -> Result<()> {
    for (part, offset) in parameter.offsets() {
        let mut values = vec![0.0; part.length()];
        device.read(&parameter.value, offset, &mut values)?;
        f(&part.name, Tensor::new(part.shape.clone(), values)?)?;
    }
    Ok(())
}
