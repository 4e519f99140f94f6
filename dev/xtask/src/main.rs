//! The project's own chores: `cargo run -p xtask -- <chore>`. Never shipped, never needed to
//! build.

mod demo;
mod folder;
mod tidy;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("folder") => folder::make(&arguments[1..]),
        Some("demo-data") => demo::write("bench/distill".as_ref()),
        Some("tidy") => tidy::check(),
        _ => anyhow::bail!("chores: folder DIR --accounts N --keys N; demo-data; tidy"),
    }
}
