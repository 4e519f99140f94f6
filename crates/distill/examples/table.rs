//! The demonstration's table: `cargo run --release -p distill --example table -- RUNS RUN.json...`
//!
//! RUNS is the folder of runs, each RUN.json what `stillhouse --json distill run` printed. Runs whose
//! names differ in what stands after ` seed ` are one arm. Answers to the hold-out are judged
//! again from the files that the runs kept; every share has its 95 % interval (Wilson's), the gap
//! recovered one over items and seeds (bootstrap).
#![expect(clippy::print_stdout, reason = "a table is printed")]

use distill::measure::{Arms, Resampling, Rule, Scorer, gap_recovered, share};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Answers to the hold-out: which are right, and the mean tokens of prompt and answer.
struct Judged {
    right: Vec<bool>,
    prompt: f64,
    answer: f64,
}

/// A run: who was measured, and what the teacher did for it.
struct Run {
    arm: String,
    seed: String,
    start: Judged,
    teacher: Judged,
    student: Judged,
    tokens: u64,
    dollars: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, files @ ..] = arguments.as_slice() else {
        return Err("usage: table RUNS RUN.json...".into());
    };
    let runs: Vec<Run> = files
        .iter()
        .map(|file| read(runs.as_ref(), file.as_ref()))
        .collect::<Result<_>>()?;
    let first = runs.first().ok_or("no run was named")?;
    println!(
        "| | exact, of {} | 95 % | prompt tokens | answer tokens | teacher tokens | dollars | gap recovered | 95 % |",
        first.start.right.len()
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    println!(
        "| start: the short prompt | {} | | | | |",
        cells(&first.start)
    );
    println!(
        "| teacher: the long prompt | {} | | | | |",
        cells(&first.teacher)
    );
    let mut arms: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in &runs {
        arms.entry(&run.arm).or_default().push(run);
        println!(
            "| {}, seed {} | {} | {} | {} | {} |",
            run.arm,
            run.seed,
            cells(&run.student),
            run.tokens,
            run.dollars,
            gap(&[run]),
        );
    }
    for (arm, runs) in arms.iter().filter(|(_, runs)| runs.len() > 1) {
        let all: Vec<bool> = runs
            .iter()
            .flat_map(|run| run.student.right.clone())
            .collect();
        let mean = share(&all).value;
        let count = runs.len();
        println!(
            "| **{arm}, mean of {count} seeds** | {mean:.3} | | | | | | {} |",
            gap(runs)
        );
    }
    Ok(())
}

fn cells(judged: &Judged) -> String {
    let exact = share(&judged.right);
    format!(
        "{:.3} | {:.3} to {:.3} | {:.1} | {:.1}",
        exact.value, exact.low, exact.high, judged.prompt, judged.answer
    )
}

/// What runs of one arm recovered, over items and seeds.
fn gap(runs: &[&Run]) -> String {
    let numbers = |judged: &Judged| -> Vec<f64> {
        judged
            .right
            .iter()
            .map(|right| f64::from(u8::from(*right)))
            .collect()
    };
    let (start, teacher) = (numbers(&runs[0].start), numbers(&runs[0].teacher));
    let students: Vec<Vec<f64>> = runs.iter().map(|run| numbers(&run.student)).collect();
    let students: Vec<&[f64]> = students.iter().map(Vec::as_slice).collect();
    let arms = Arms {
        start: &start,
        teacher: &teacher,
        students: &students,
    };
    match gap_recovered(&arms, Resampling::default()) {
        Some(gap) => {
            let of = gap.recovered;
            format!(
                "{:.0} % | {:.0} to {:.0} %",
                of.value * 100.0,
                of.low * 100.0,
                of.high * 100.0
            )
        }
        None => "no gap | ".into(),
    }
}

fn read(runs: &Path, file: &Path) -> Result<Run> {
    let told: Value = json(file)?;
    let row = &told["row"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let folder = runs.join(text(&row["id"]));
    let name = text(&row["name"]);
    let (arm, seed) = name.rsplit_once(" seed ").unwrap_or((&name, "0"));
    let rule: Rule = serde_json::from_value(told["spec"]["evaluate"]["scorer"].clone())?;
    let scorer = Scorer::new(&rule)?;
    let expected: BTreeMap<String, String> =
        serde_json::from_value(json(&folder.join("expected.json"))?)?;
    let answers = |name: &str| judge(&folder.join("answers").join(name), &scorer, &expected);
    Ok(Run {
        start: answers("start.json")?,
        teacher: answers("teacher.json")?,
        student: answers(&newest(&folder.join("answers"))?)?,
        tokens: row["spent_tokens"].as_u64().unwrap_or_default(),
        dollars: text(&row["spent_dollars"]),
        arm: arm.to_owned(),
        seed: seed.to_owned(),
    })
}

/// The file of the student's last answers: `student-STAGE-STEP-ROLLBACKS.json`.
fn newest(folder: &Path) -> Result<String> {
    let mut found: Vec<((bool, u64, u64), String)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(middle) = name
            .strip_prefix("student-")
            .and_then(|n| n.strip_suffix(".json"))
        else {
            continue;
        };
        let parts: Vec<&str> = middle.split('-').collect();
        if let [stage, step, rollbacks] = parts[..] {
            found.push((
                (stage == "on_policy", rollbacks.parse()?, step.parse()?),
                name,
            ));
        }
    }
    let last = found.into_iter().max();
    Ok(last.ok_or("the student was not evaluated")?.1)
}

fn judge(file: &Path, scorer: &Scorer, expected: &BTreeMap<String, String>) -> Result<Judged> {
    let answers = json(file)?;
    let answers = answers.as_array().ok_or("answers are a list")?;
    let mut right: BTreeMap<String, bool> = BTreeMap::new();
    let mean = |name: &str| {
        let sum: f64 = answers.iter().filter_map(|a| a[name].as_f64()).sum();
        sum / answers.len() as f64
    };
    for answer in answers {
        let item = answer["item"].as_str().ok_or("an answer to no item")?;
        let wanted = expected.get(item).ok_or("an item that is not expected")?;
        let text = answer["text"].as_str().unwrap_or_default();
        right.insert(item.to_owned(), scorer.score(text, wanted)?.right);
    }
    Ok(Judged {
        // By item, so that pairs are pairs.
        right: right.into_values().collect(),
        prompt: mean("prompt_tokens"),
        answer: mean("tokens"),
    })
}

fn json(file: &Path) -> Result<Value> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(serde_json::from_slice(&bytes)?)
}
