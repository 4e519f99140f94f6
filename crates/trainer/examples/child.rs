//! The child by itself, as the hidden verb `stillhouse trainer` starts it, for measures that need
//! nothing else of the program: `bench/distill/trial.py` is its parent.

use std::io::BufReader;
use std::process::ExitCode;
use std::time::Instant;
use trainer::World;

fn main() -> ExitCode {
    let started = Instant::now();
    let clock = || started.elapsed();
    let world = World { clock: &clock };
    let input = BufReader::new(std::io::stdin());
    let good = trainer::serve(input, std::io::stdout(), world, || std::process::exit(1));
    ExitCode::from(u8::from(!good))
}
