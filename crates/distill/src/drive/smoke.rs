//! The smoke test: a few items all the way through, before much is spent.

use record::Stage;
use trainer::protocol::{Item, Who};

use super::answers::Wanted;
use super::{Driver, Stop, Worked};
use crate::error::Result;
use crate::{route, rows};

/// Items of the smoke test.
pub(crate) const SMOKE: usize = 16;

impl Driver<'_, '_> {
    /// All but one of a few items must be answered by the start model and, of those that are here, by
    /// each item's teacher.
    pub(super) fn smoke(&mut self) -> Result<Worked<()>> {
        let few = route::few(&self.state.spec, &self.items("items.jsonl")?, SMOKE);
        let mut all = vec![(Who::Start, 0, few.clone())];
        for (number, teacher) in self.state.spec.all_teachers().enumerate() {
            let its = |item: &&Item| self.number_of(item) == number;
            let its: Vec<Item> = few.iter().filter(its).cloned().collect();
            if teacher.is_here() && !its.is_empty() {
                all.push((Who::Teacher, number, its));
            }
        }
        let (mut seconds, mut tokens) = (0.0, 0);
        for (who, teacher, few) in all {
            self.folder
                .write("smoke.jsonl", rows::lines(&few).as_bytes())?;
            let which = self.state.spec.taught_by(teacher);
            let which = which.map_or_else(String::new, |_| format!("-{teacher}"));
            let wanted = Wanted {
                who,
                teacher: Some(teacher),
                stage: Stage::Smoke,
                place: None,
                items: "smoke.jsonl",
                given: false,
                sampling: self.greedy(),
                file: format!("answers/smoke-{who:?}{which}.json").to_lowercase(),
            };
            let answered = match self.answers(&wanted)? {
                Ok(answered) => answered,
                Err(stop) => return Ok(Err(stop)),
            };
            seconds += answered.seconds;
            tokens += answered.tokens;
            let whole = answered.answers.iter().filter(|a| a.tokens > 0).count();
            if whole + 1 < few.len() {
                let name = self.state.spec.taught_by(teacher);
                let name = name.map_or_else(String::new, |name| format!(" `{name}`"));
                return Ok(Err(Stop::failed(format!(
                    "smoke test: of {} items {whole} were answered by {who:?}{name}",
                    few.len()
                ))));
            }
        }
        self.worked(seconds, tokens, Stage::Collect)
    }
}
