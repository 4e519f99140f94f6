//! Where there are several teachers, each is asked about its own items, and the answers are put
//! together in the items' order.

use std::collections::{BTreeMap, HashMap};

use trainer::protocol::{Answered, Item};

use super::answers::{Answers, Pace, Part, Wanted};
use super::{Driver, Worked};
use crate::error::Result;
use crate::rows;

impl Driver<'_, '_> {
    /// The number of an item's teacher.
    pub(super) fn number_of(&self, item: &Item) -> usize {
        let name = item.taught_by.as_deref();
        self.state.spec.teacher_number(name).unwrap_or(0)
    }

    /// Answers of each item's own teacher.
    pub(super) fn routed(&mut self, wanted: &Wanted<'_>) -> Result<Worked<Answers>> {
        let items = self.items(wanted.items)?;
        let mut of: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
        for item in &items {
            of.entry(self.number_of(item))
                .or_default()
                .push(item.clone());
        }
        let (mut seconds, mut loading, mut tokens) = (0.0, 0.0, 0);
        let mut parts = Vec::new();
        let mut answers: HashMap<String, Answered> = HashMap::new();
        for (number, its) in of {
            let name = format!("part-{number}.jsonl");
            self.folder.write(&name, rows::lines(&its).as_bytes())?;
            let wanted = Wanted {
                who: wanted.who,
                teacher: Some(number),
                stage: wanted.stage,
                place: wanted.place,
                items: &name,
                given: wanted.given,
                sampling: wanted.sampling.clone(),
                file: String::new(),
            };
            let told = match self.one_teachers(&wanted)? {
                Ok(told) => told,
                Err(stop) => return Ok(Err(stop)),
            };
            parts.push(Part {
                teacher: number,
                speed: told.pace.speed,
            });
            seconds += told.seconds;
            loading += told.pace.speed.loading;
            tokens += told.tokens;
            let named = told.answers.into_iter().map(|a| (a.item.clone(), a));
            answers.extend(named);
        }
        let its = items.iter().filter_map(|item| answers.remove(&item.id));
        let answers: Vec<Answered> = its.collect();
        let pace = Pace::of(answers.len(), seconds, loading);
        Ok(Ok(Answers {
            answers,
            seconds,
            tokens,
            pace: Pace { parts, ..pace },
        }))
    }
}
