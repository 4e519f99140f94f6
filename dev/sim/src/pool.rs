//! What the twelve recipes send: the queue that a campaign's accounts share. What a recipe feeds
//! back is what our endpoint really answered to an account of its campaign. Nothing here reaches
//! a network.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::draw::{Draw, hash};
use crate::honest::tenant;
use crate::recipe::Recipe;
use crate::talk::{Ask, Hand, Keep};
use crate::voice::{Freedom, Voice};

/// Answers and tasks that a campaign keeps; older ones go.
const KEPT: usize = 600;
/// Places looked at for an answer that may be used.
const LOOKS: usize = 8;

mod recipes;

#[derive(Debug, Clone)]
struct Got {
    ready: i64,
    by: u32,
    question: Arc<str>,
    answer: Arc<str>,
}

/// What a campaign works on, shared by its accounts.
#[derive(Debug)]
pub(crate) struct Pool {
    recipe: Recipe,
    level: u8,
    voice: Voice,
    span: (i64, i64),
    cursor: usize,
    got: VecDeque<Got>,
    tasks: VecDeque<(i64, u32, Arc<str>)>,
    tricks: Vec<u64>,
}

impl Pool {
    /// A campaign at its start. `span` is when it works; levels set how freely it words.
    pub(crate) fn new(recipe: Recipe, level: u8, voice: Voice, span: (i64, i64)) -> Self {
        let freedom = match level {
            0 => Freedom::Fixed,
            1..=3 => Freedom::Paraphrased,
            _ => Freedom::Rewritten,
        };
        let cursor = hash(&[&voice.author.to_le_bytes(), b"cursor"]) as usize % (1 << 30);
        Self {
            recipe: if level == 5 { Recipe::Relay } else { recipe },
            level,
            voice: Voice { freedom, ..voice },
            span,
            cursor,
            got: VecDeque::new(),
            tasks: VecDeque::new(),
            tricks: Vec::new(),
        }
    }

    /// The campaign's wording.
    pub(crate) fn voice(&self) -> &Voice {
        &self.voice
    }

    /// The next request of the queue, for this account.
    pub(crate) fn next(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        self.cursor += 1;
        let mut ask = match self.recipe {
            Recipe::SelfInstruct => self.self_instruct(account, hand),
            Recipe::EvolInstruct => self.evolve(account, hand),
            Recipe::SelfChat => self.self_chat(account, hand),
            Recipe::UltraChat => self.ultra_chat(hand),
            Recipe::CotHarvest => self.reasoning(account, hand),
            Recipe::RubricGrading => self.grade(account, hand),
            Recipe::ToolHarvest => self.tool_use(account, hand),
            Recipe::CotCleaning => self.clean(account, hand),
            Recipe::TechniqueSweep => self.sweep(hand),
            Recipe::LogprobHarvest => self.next_word(hand),
            Recipe::EmbeddingExtraction => self.embed(hand),
            Recipe::Relay => tenant(self.voice.dialect, 400, self.voice.author, None, hand),
        };
        ask.distilling = true;
        ask
    }

    /// An answer arrived at an account.
    pub(crate) fn got(&mut self, ask: &Ask, by: u32, ready: i64) {
        match &ask.keep {
            Keep::No => {}
            Keep::Answer(question) => {
                self.got.push_back(Got {
                    ready,
                    by,
                    question: question.clone(),
                    answer: ask.answer.clone(),
                });
            }
            Keep::Task => self.tasks.push_back((ready, by, ask.answer.clone())),
            Keep::Tasks => {
                for line in ask.answer.lines() {
                    if let Some((_, task)) = line.split_once(". ") {
                        self.tasks.push_back((ready, by, task.into()));
                    }
                }
            }
            Keep::Trick(number) => self.tricks.push(*number),
        }
        // Bounded: what is not used in time is dropped, as pipelines with filters do.
        while self.got.len() > KEPT {
            self.got.pop_front();
        }
        while self.tasks.len() > KEPT {
            self.tasks.pop_front();
        }
    }

    /// An answer that has arrived; from L4 on shards are disjoint, so only the account's own.
    fn take(&mut self, account: u32, now: i64, draw: &mut Draw) -> Option<Got> {
        let fits = |got: &Got| got.ready < now && (self.level < 4 || got.by == account);
        if self.level >= 4 {
            let at = self.got.iter().position(fits)?;
            return self.got.remove(at);
        }
        let at = (0..LOOKS)
            .map(|_| draw.below(self.got.len()))
            .find(|at| self.got.get(*at).is_some_and(fits))?;
        self.got.remove(at)
    }

    fn take_task(&mut self, account: u32, now: i64) -> Option<Arc<str>> {
        let at = self
            .tasks
            .iter()
            .take(if self.level >= 4 { KEPT } else { LOOKS })
            .position(|(ready, by, _)| *ready < now && (self.level < 4 || *by == account))?;
        self.tasks.remove(at).map(|(_, _, task)| task)
    }
}
