//! The operator suite on a GPU: every operation of `Cuda` held against `Cpu` on the same numbers, small
//! networks in training on both, and the speed of Qwen2.5's shapes with random weights.
//!
//! ```text
//! cargo build --release -p lm --features cuda --example cuda_suite
//! cuda_suite [operations|speed|all] [GPU]
//! ```
//!
//! It needs no file and no network: build it anywhere, carry it to the machine with the GPU. Ends with 0
//! where all is right, 1 where something is not, 77 where there is no GPU and *nothing was run*.
#![expect(clippy::print_stdout, reason = "a table is printed")]

mod network;
mod operations;
mod speed;

use lm::device::{Cpu, Cuda, Device, Precision};
use std::process::ExitCode;
use std::sync::Arc;

/// What was compared, how, and how far apart the devices were.
struct Row {
    what: String,
    /// Greatest difference, as a share of the greatest value.
    error: f64,
    limit: f64,
    /// Whether a second run gave the same bytes.
    same: bool,
}

/// Numbers in -1..1 that look random and that bf16 holds exactly.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| {
            let mut x = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ seed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let value = ((x >> 40) as f32) / 8_388_608.0 - 1.0;
            f32::from_bits(value.to_bits() & 0xffff_0000)
        })
        .collect()
}

/// Greatest difference, as a share of the greatest value that was wanted; infinite where one is no number.
fn distance(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let most = want.iter().fold(1e-2f64, |m, w| m.max(f64::from(w.abs())));
    let errors = got.iter().zip(want).map(|(g, w)| f64::from((g - w).abs()));
    errors
        .map(|e| {
            if e.is_finite() {
                e / most
            } else {
                f64::INFINITY
            }
        })
        .fold(0.0, f64::max)
}

/// Prints a table; the number of failures.
fn table(device: &Cuda, rows: &[Row]) -> usize {
    println!("\n{}", device.name());
    println!("| operation | worst error | limit | same bytes again | |");
    println!("| --- | --- | --- | --- | --- |");
    let mut bad = 0;
    for row in rows {
        let good = row.error <= row.limit && row.same;
        bad += usize::from(!good);
        let verdict = if good { "pass" } else { "FAIL" };
        println!(
            "| {} | {:.1e} | {:.0e} | {} | {verdict} |",
            row.what, row.error, row.limit, row.same
        );
    }
    bad
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "all".into());
    let number = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if let Err(error) = Cuda::new(number, Precision::Mixed) {
        println!("SKIPPED, nothing was run: {error}");
        return ExitCode::from(77);
    }
    match run(&what, number) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(bad) => {
            println!("\n{bad} of the comparisons FAILED");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: &str, number: usize) -> lm::Result<usize> {
    let mut bad = 0;
    if what != "speed" {
        let cpu = Arc::new(Cpu::new(0)?);
        for precision in [Precision::Exact, Precision::Mixed] {
            let cuda = Arc::new(Cuda::new(number, precision)?);
            let mut rows = operations::compare(&cpu, &cuda);
            rows.extend(network::compare(&cpu, &cuda));
            bad += table(&cuda, &rows);
        }
    }
    if what != "operations" {
        speed::measure(&Arc::new(Cuda::new(number, Precision::Mixed)?))?;
    }
    Ok(bad)
}
