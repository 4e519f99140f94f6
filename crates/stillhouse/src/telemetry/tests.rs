//! Metrics and traces as their readers see them.
