//! The model card: measured numbers only, each with its interval. Pure.

use std::fmt::Write;

use record::id::kind;
use record::{Export, Id, Score};

use crate::state::State;

/// The card of a run's student, in Markdown.
pub fn write(run: Id<kind::Run>, state: &State, files: &[Export]) -> String {
    let mut card = String::new();
    let spec = &state.spec;
    let hex = |digest: &[u8; 32]| hex::encode(digest);
    let names = spec.teachers_named().replace(", ", "`, `");
    // Writing to a text cannot fail.
    let _ = writeln!(card, "# {}\n", state.created.name);
    let _ = writeln!(
        card,
        "A student of `{}`, distilled by Stillhouse in run `{run}`.\n",
        names
    );
    let _ = writeln!(card, "| | |\n| --- | --- |");
    let _ = writeln!(
        card,
        "| start model, BLAKE3 | `{}` |",
        hex(&state.created.student)
    );
    card.push_str(&teachers(state));
    let _ = writeln!(card, "| grant | `{}` |", state.created.grant);
    let _ = writeln!(card, "| seed | {} |", state.created.seed);
    if let Some(((stage, step), digest)) = state.checkpoints.last_key_value() {
        let _ = writeln!(
            card,
            "| student | {stage:?} step {step}, `{}` |",
            hex(digest)
        );
    }
    let _ = writeln!(
        card,
        "| spent | {} dollars, {} tokens of the teacher |",
        state.spent.money, state.spent.tokens
    );
    let _ = writeln!(card, "\n## Measured on the hold-out\n");
    let _ = writeln!(
        card,
        "| | score | 95 % interval | items |\n| --- | --- | --- | --- |"
    );
    let mut row = |name: &str, score: &Score| {
        let s = &score.score;
        let _ = writeln!(
            card,
            "| {name} | {:.3} | {:.3} to {:.3} | {} |",
            s.value.get(),
            s.low.get(),
            s.high.get(),
            score.items
        );
    };
    if let Some(score) = &state.start {
        row("start", score);
    }
    if let Some(score) = &state.teacher {
        row("teacher", score);
    }
    if let Some(last) = state.evaluations.last() {
        row("student", &last.score);
    }
    let _ = writeln!(card, "\n## Files\n");
    for file in files {
        let _ = writeln!(card, "* `{}`: BLAKE3 `{}`", file.path, hex(&file.digest));
    }
    let _ = writeln!(
        card,
        "\nNothing else was measured. The release gate has not been passed: this student is held."
    );
    card
}

/// Who taught it: the digest and licence of each, and of several the rows that were its own.
fn teachers(state: &State) -> String {
    let mut card = String::new();
    for teacher in state.spec.all_teachers() {
        let (whose, digest) = match &teacher.share {
            Some(share) => (format!("teacher `{}`", teacher.name), share.digest.clone()),
            None => ("teacher".to_owned(), hex::encode(state.created.teacher)),
        };
        let _ = writeln!(card, "| {whose}, BLAKE3 | `{digest}` |");
        let _ = writeln!(card, "| {whose}'s licence | {} |", teacher.licence);
        if let Some(share) = &teacher.share {
            let (items, holdout) = (share.items, share.holdout);
            let _ = writeln!(
                card,
                "| {whose}'s rows | {items}, and {holdout} of the hold-out |"
            );
        }
    }
    card
}
