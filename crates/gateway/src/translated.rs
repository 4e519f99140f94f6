//! Stand-in until wire::translate is there.
use bytes::Bytes;
use record::Endpoint;
use wire::{ApiError, Error, Policy};
pub(crate) enum Translator {}
pub(crate) enum Stream {}
pub(crate) fn request(_: &Policy, _: &Endpoint) -> Result<(Translator, Bytes), ApiError> {
    Err(ApiError::of(record::Reason::EndpointNotSupported))
}
impl Translator {
    pub(crate) fn whole(&self, _: &[u8]) -> Result<Bytes, Error> {
        match *self {}
    }
    pub(crate) fn stream(self) -> Stream {
        match self {}
    }
}
impl Stream {
    pub(crate) fn push(&mut self, _: &[u8]) -> Result<Bytes, Error> {
        match *self {}
    }
    pub(crate) fn finish(&mut self, _: &[u8]) -> Bytes {
        match *self {}
    }
    pub(crate) fn events(&self) -> u64 {
        match *self {}
    }
}
