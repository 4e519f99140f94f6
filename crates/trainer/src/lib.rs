//! `trainer`: the learning of a run, in a child process of its own. It takes one job over standard
//! input, samples, asks its parent (or a model beside it) for scores, learns, writes checkpoints
//! and says on standard output what it did. It opens no connection and no database, and writes only
//! under the folder of its job.
//!
//! [`protocol`] is what parent and child say to each other.

pub mod protocol;
