//! Reads what other gateways keep: their settings, their keys and their logs. Pure: text in, plain values out;
//! what can't be carried over is told in words. Secrets that stand in such a file are neither
//! kept nor repeated.

pub mod litellm;
pub mod logs;
