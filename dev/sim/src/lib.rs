//! The traffic simulator: honest persons and programs, the known recipes of distillation without
//! leave, and the routers that hide them, as labelled traffic sets that measure the guard.
//! A tool of the developers, never shipped; it reaches no network but loopback (`drive`).

mod account;
pub mod arrivals;
mod body;
mod campaign;
pub mod draw;
mod drive;
mod engine;
mod error;
pub mod feed;
mod honest;
mod identity;
pub mod measure;
mod origin;
mod out;
pub mod plain;
mod pool;
mod recipe;
mod scribe;
mod settle;
mod talk;
mod texts;
mod threads;
mod voice;
mod workload;
mod world;

pub use body::{Request, Response};
pub use drive::{Drive, Driven, drive};
pub use engine::{Counts, Engine};
pub use error::SimError;
pub use identity::AccountRow;
pub use origin::Source;
pub use out::{Event, Exchange, ExchangeTruth, Folder, Sink, Truth};
pub use recipe::Recipe;
pub use workload::WORKLOADS;
pub use world::{CampaignSpec, PRESETS, Release, TracesFrom, World};
