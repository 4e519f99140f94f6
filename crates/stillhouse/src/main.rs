//! The binary: reads environment and arguments, settles the settings, wires the house in order,
//! and runs one verb. What a verb means is said elsewhere, in `operations`; here are only the
//! verbs of the process itself.

mod cli;
mod doctor;
mod failure;
mod models;
mod restore;
mod serve;
mod settings;
mod teacher;
mod telemetry;
mod wiring;
mod world;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
