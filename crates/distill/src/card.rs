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
    // Writing to a text cannot fail.
    let _ = writeln!(card, "# {}\n", state.created.name);
    let _ = writeln!(
        card,
        "A student of `{}`, distilled by Stillhouse in run `{run}`.\n",
        spec.teacher.name
    );
    let _ = writeln!(card, "| | |\n| --- | --- |");
    let _ = writeln!(
        card,
        "| start model, BLAKE3 | `{}` |",
        hex(&state.created.student)
    );
    let _ = writeln!(
        card,
        "| teacher, BLAKE3 | `{}` |",
        hex(&state.created.teacher)
    );
    let _ = writeln!(card, "| teacher's licence | {} |", spec.teacher.licence);
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
