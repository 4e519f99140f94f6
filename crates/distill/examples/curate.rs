//! Curation from files, and its speed.
//!
//! ```text
//! cargo run --release -p distill --example curate -- files ROWS HOLDOUT FOLDER [FIELD...]
//! cargo run --release -p distill --example curate -- speed ROWS WORDS
//! ```
//!
//! `files` prints the funnel and writes `rows.jsonl` (OpenAI's chat lines) and `rows.parquet` into
//! FOLDER; FIELDs hold what is asked. `speed` makes up rows, a tenth of them near duplicates, and
//! prints rows a second and peak memory (Linux).
#![expect(clippy::print_stdout, reason = "figures are printed")]

use distill::curate::{Curator, Row, Settings, Split};
use distill::export::{Parquet, Turns, chat_line};
use std::error::Error;
use std::fs::{File, read_to_string};
use std::io::{BufWriter, Write as _};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["files", rows, hold_out, folder, ref fields @ ..] => {
            let text = fields.iter().map(ToString::to_string).collect();
            files(rows, hold_out, folder, text)
        }
        ["speed", rows, words] => speed(rows.parse()?, words.parse()?),
        _ => Err("usage: curate files ROWS HOLDOUT FOLDER [FIELD...] | speed ROWS WORDS".into()),
    }
}

fn files(rows: &str, hold_out: &str, folder: &str, text: Vec<String>) -> Result<()> {
    let part = |name: &str, share| Split {
        name: name.into(),
        share,
    };
    let settings = Settings {
        text: text.clone(),
        splits: vec![part("train", 0.9), part("test", 0.1)],
        ..Settings::default()
    };
    let (rows, hold_out) = (read_to_string(rows)?, read_to_string(hold_out)?);
    let curated = distill::curate::curate(settings, hold_out.lines(), rows.lines(), &mut |_| {})?;
    for stage in &curated.funnel.stages {
        println!("{:?}: {} of {}", stage.reason, stage.left, stage.entered);
        for example in &stage.examples {
            println!(
                "    line {} {}: {}",
                example.line, example.id, example.detail
            );
        }
    }
    println!("{}", serde_json::to_string_pretty(&curated.frozen)?);
    let folder = std::path::Path::new(folder);
    let mut chat = BufWriter::new(File::create(folder.join("rows.jsonl"))?);
    let mut parquet = Parquet::new(File::create(folder.join("rows.parquet"))?)?;
    for (line, fate) in rows.lines().zip(&curated.fates) {
        let (Some(part), Some(cluster)) = (fate.part, fate.cluster) else {
            continue;
        };
        let row = Row::parse(line)?;
        writeln!(chat, "{}", chat_line(&row, &text))?;
        let part = &curated.frozen.parts[part].name;
        parquet.push(&fate.id, part, cluster, &Turns::of(&row, &text))?;
    }
    parquet.finish()?;
    Ok(chat.flush()?)
}

fn speed(rows: u64, words: u64) -> Result<()> {
    let mut state = 1_u64;
    let mut next = move |end: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % end
    };
    let mut curator = Curator::new(Settings::default())?;
    for number in 0..1000 {
        let text: Vec<String> = (0..words).map(|_| format!("w{}", next(20_000))).collect();
        curator.hold_out(&format!(
            r#"{{"id": "h{number}", "prompt": "{}"}}"#,
            text.join(" ")
        ))?;
    }
    let (mut last, mut bytes, mut spent) = (String::new(), 0, 0.0);
    for number in 0..rows {
        if number % 10 == 9 {
            last.push_str(" again");
        } else {
            let text: Vec<String> = (0..words).map(|_| format!("w{}", next(20_000))).collect();
            last = text.join(" ");
        }
        let line = format!(r#"{{"id": "r{number}", "prompt": "{last}"}}"#);
        bytes += line.len();
        let start = Instant::now();
        curator.push(&line)?;
        spent += start.elapsed().as_secs_f64();
    }
    let start = Instant::now();
    let curated = curator.finish(&mut |_| {});
    let all = spent + start.elapsed().as_secs_f64();
    let memory = read_to_string("/proc/self/status")?;
    let peak = memory.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{rows} rows of {words} words ({} MB): {:.0} rows/s ({spent:.1} s to take in, {:.1} s to judge), {} kept; {}",
        bytes / 1_000_000,
        rows as f64 / all,
        all - spent,
        curated.funnel.kept,
        peak.unwrap_or_default(),
    );
    Ok(())
}
