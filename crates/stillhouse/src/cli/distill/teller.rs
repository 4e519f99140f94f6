//! Progress of a run on standard error: a line for what was done, one that changes for what goes
//! on, with rate and time left. With `--json` each event is a line of JSON.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use distill::{Observer, State};
use record::{Metric, RunEvent, Scored};

use super::show;
use crate::cli::replay::tell;

/// How often the changing line is shown.
const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Teller {
    json: bool,
    watched: bool,
    shown: Option<Instant>,
    began: Instant,
}

impl Teller {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            watched: std::io::stderr().is_terminal() && !json,
            shown: None,
            began: Instant::now(),
        }
    }

    /// Takes the changing line away.
    pub(super) fn wipe(&self) {
        if self.watched {
            tell("\r\x1b[K");
        }
    }

    fn line(&self, text: &str) {
        self.wipe();
        tell(&format!("{text}\n"));
    }

    fn changing(&mut self, text: &str) {
        if self.watched && self.shown.is_none_or(|shown| shown.elapsed() > EVERY) {
            self.shown = Some(Instant::now());
            tell(&format!("\r\x1b[K{text}"));
        }
    }
}

impl Observer for Teller {
    fn event(&mut self, state: &State, event: &RunEvent) {
        if self.json {
            let text = serde_json::to_string(event).unwrap_or_default();
            return tell(&format!("{text}\n"));
        }
        match event {
            RunEvent::Moved { to, .. } => {
                self.began = Instant::now();
                let why = match show::is_plain(state) {
                    true => String::new(),
                    false => format!(": {}", show::why(state)),
                };
                self.line(&format!("{}{why}", show::stage(*to)));
            }
            RunEvent::Step { stage, step, .. } => {
                let text = step_line(state, *stage, *step);
                match self.watched {
                    true => self.changing(&text),
                    // A log has a line of ten.
                    false if step.is_multiple_of(10) || *step == 1 => self.line(&text),
                    false => {}
                }
            }
            RunEvent::Evaluated { scores, step, .. } => {
                for score in scores {
                    let who = match score.of {
                        Scored::Start => "start".to_owned(),
                        Scored::Teacher => "teacher".to_owned(),
                        Scored::Student => format!("student after step {step}"),
                    };
                    let s = &score.score;
                    self.line(&format!(
                        "  {who}: {:.3} ({:.3} to {:.3}) on {} items",
                        s.value.get(),
                        s.low.get(),
                        s.high.get(),
                        score.items
                    ));
                }
            }
            RunEvent::Quoted { quote, .. } => self.line(&show::quote(&quote.as_ref().into())),
            RunEvent::Alarmed {
                alarm,
                step,
                value,
                bound,
                ..
            } => self.line(&format!(
                "  alarm at step {step}: {alarm:?} is {:.4}, its bound {:.4}",
                value.get(),
                bound.get()
            )),
            RunEvent::Lost { why, .. } => self.line(&format!("  a call was lost: {why}")),
            _ => {}
        }
    }

    fn working(&mut self, _: &State, what: &str, done: u64, of: u64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let left = seconds / (done.max(1) as f64) * of.saturating_sub(done) as f64;
        self.changing(&format!("  {what}: {done} of {of}, {left:.0} s left"));
    }
}

fn step_line(state: &State, stage: record::Stage, step: u64) -> String {
    let of = state.spec.stage(stage).map_or(0, |stage| stage.steps);
    let Some(taken) = state.steps.get(&(stage, step)) else {
        return String::new();
    };
    let number = |metric| taken.get(metric).unwrap_or(0.0);
    let seconds =
        number(Metric::SampleSeconds) + number(Metric::ScoreSeconds) + number(Metric::LearnSeconds);
    let left = seconds * of.saturating_sub(step) as f64;
    let named = [
        (Metric::Kl, "kl"),
        (Metric::Reward, "reward"),
        (Metric::Margin, "margin"),
    ];
    // What was not measured is not told.
    let told = named
        .iter()
        .filter_map(|&(metric, name)| Some((name, taken.get(metric)?)));
    let told: String = told
        .map(|(name, value)| format!(", {name} {value:.4}"))
        .collect();
    format!(
        "  step {step} of {of}: loss {:.4}{told}, length {:.1}; {seconds:.1} s a step, {left:.0} s left; {} of {} dollars, {} of {} tokens",
        number(Metric::Loss),
        number(Metric::Length),
        state.spent.money,
        state.created.budget.money,
        state.spent.tokens,
        state.created.budget.tokens,
    )
}
