//! The room `lm`.
