//! Measures the guard on worlds of the simulator, where the truth is known.

pub mod clusters;
