//! The Responses API from chat completions.

mod answer;
mod request;
mod stream;

use record::Time;

pub(super) use self::stream::Maker;
use super::chat::ChatBody;
use crate::error::ApiError;

/// A request that was read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) chat: ChatBody,
    settings: answer::Settings,
}

impl Request {
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let (chat, settings) = request::read(body)?;
        Ok(Self { chat, settings })
    }

    /// Who makes the answer; `id` becomes the response's.
    pub(super) fn maker(&self, id: &str, created: Time) -> Maker {
        let id = format!("resp_{}", id.strip_prefix("resp_").unwrap_or(id));
        Maker::new(self.settings.clone(), id, created)
    }
}
