//! The journal from inside: frames, torn tails and damage.
