//! Anthropic's Messages API from chat completions.

mod request;
mod stream;

pub(super) use self::stream::Maker;
use super::chat::ChatBody;
use crate::error::ApiError;

/// A request that was read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) chat: ChatBody,
}

impl Request {
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let chat = request::read(body, true)?;
        Ok(Self { chat })
    }

    /// A request to `count_tokens`: the chat whose prompt is to be counted.
    pub(super) fn read_count(body: &[u8]) -> Result<Self, ApiError> {
        let chat = request::read(body, false)?;
        Ok(Self { chat })
    }

    /// Who makes the answer; `id` becomes the message's.
    pub(super) fn maker(&self, id: &str) -> Maker {
        let id = format!("msg_{}", id.strip_prefix("msg_").unwrap_or(id));
        Maker::new(id, self.chat.model.clone())
    }
}
