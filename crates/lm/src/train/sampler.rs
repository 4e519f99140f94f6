//! The student that samples: a [`Model`] of a trainer's weights as they are now, set from the
//! trainer's own buffers. No third copy of the weights is made.

use super::parameter::{Parameter, Part};
use super::trainer::Trainer;
use crate::device::Device;
use crate::gguf::TensorType;
use crate::model::{Model, Options};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::{Error, Path, Result};
use std::sync::Arc;

impl<D: Device> Trainer<D> {
    /// A model of the weights as they are now, on the exact path, to sample from and to
    /// [`refresh`](Self::refresh) after each step.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the tokenizer is of another vocabulary or the options ask for the
    /// fast path, or a value is not finite; [`Error::Memory`], [`Error::Threads`].
    pub fn sampler(
        &mut self,
        tokenizer: Arc<Tokenizer>,
        template: Option<ChatTemplate>,
        options: &Options,
    ) -> Result<Model> {
        let config = &self.network.config;
        let (got, want) = (tokenizer.vocabulary(), config.vocabulary);
        if got != want {
            let text = format!("a tokenizer of {got} tokens for weights of {want}");
            return Err(Error::Invalid(text));
        }
        if options.weights.holds(Path::Fast) {
            let text = "a student in training samples on the exact path alone";
            return Err(Error::Invalid(text.into()));
        }
        let kind = |_: &str| TensorType::F32;
        let mut model = Model::empty(config, tokenizer, template, options, &kind)?;
        self.refresh(&mut model)?;
        Ok(model)
    }

    /// Sets a sampler's weights to what they are now. Caches filled before hold what the old weights
    /// made: drop them.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the model is of another shape, then it is as it was; or where a value is
    /// not finite: then it holds part of the new weights, and must not be used.
    pub fn refresh(&self, model: &mut Model) -> Result<()> {
        if !self.network.config.same_shape(model.config()) || model.has(Path::Fast) {
            let text = "the model that samples is of another shape or path";
            return Err(Error::Invalid(text.into()));
        }
        self.each_tensor(&mut |part, values| model.set(&part.name, values))
    }

    /// Calls for every tensor of the model, low-rank changes merged.
    pub(super) fn each_tensor(
        &self,
        call: &mut dyn FnMut(&Part, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let network = &self.network;
        let device = &*network.device;
        let mut copy = Vec::new();
        let mut put = |parameter: &Parameter<D::Buffer>, buffer: &D::Buffer| -> Result<()> {
            for (part, offset) in parameter.offsets() {
                if let Some(values) = device.view(buffer) {
                    call(part, &values[offset..][..part.length()])?;
                    continue;
                }
                copy.resize(part.length(), 0.0);
                device.read(buffer, offset, &mut copy)?;
                call(part, &copy)?;
            }
            Ok(())
        };
        let outer = [
            Some(&network.embedding),
            Some(&network.norm),
            network.head.as_ref(),
        ];
        for parameter in outer.into_iter().flatten() {
            put(parameter, &parameter.value)?;
        }
        let mut room = None;
        for layer in &network.layers {
            for norm in [&layer.attention_norm, &layer.feed_norm] {
                put(norm, &norm.value)?;
            }
            for linear in layer.linears() {
                put(&linear.weight, linear.merged(device, &mut room)?)?;
                if let Some(bias) = &linear.bias {
                    put(bias, &bias.value)?;
                }
            }
        }
        Ok(())
    }
}
