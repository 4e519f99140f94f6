//! Decides, without IO: who may ask what, how often and for how much.
//!
//! Today this room holds admission, the table that every request passes. It reads no clock, does
//! no IO and draws no random numbers: time and ids are arguments. It never acts by itself.

pub mod admission;
