//! What the twelve recipes send: the queue that a campaign's accounts share. What a recipe feeds
//! back is what our endpoint really answered to an account of its campaign. Nothing here reaches
//! a network.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::draw::{Draw, hash};
use crate::honest::tenant;
use crate::recipe::Recipe;
use crate::talk::{Ask, Hand, Keep, Rest};
use crate::texts::{Record, Role, head};
use crate::threads;
use crate::voice::{Freedom, Slot, Voice, reword};

/// Answers and tasks that a campaign keeps; older ones go.
const KEPT: usize = 600;
/// Places looked at for an answer that may be used.
const LOOKS: usize = 8;

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

    /// The seed at the queue's head; items are dealt out, so shards are disjoint.
    fn seed(&self, role: Role, hand: &Hand<'_>) -> Arc<Record> {
        hand.stock.texts.at(role, self.cursor).clone()
    }

    fn say(&self, slot: Slot, hand: &mut Hand<'_>) -> String {
        self.voice.say(slot, hand.draw)
    }

    fn ask_task(task: Arc<str>, hand: &mut Hand<'_>) -> Ask {
        let answer = hand.prose(&task, 1_200);
        Ask::one(task.clone(), answer).keeping(Keep::Answer(task))
    }

    fn self_instruct(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.93)
            && let Some(task) = self.take_task(account, hand.now)
        {
            return Self::ask_task(task, hand);
        }
        let mut prompt = self.say(Slot::Invent, hand);
        for place in 1..=3 {
            // Examples are partly seeds, partly tasks that our model made.
            let made = self
                .tasks
                .get(hand.draw.below(self.tasks.len()))
                .filter(|task| task.0 < hand.now);
            let example = match made {
                Some((_, _, task)) if place > 1 => task.clone(),
                _ => hand
                    .stock
                    .texts
                    .at(Role::Prompt, self.cursor * 3 + place)
                    .ask()
                    .clone(),
            };
            prompt.push_str(&format!("\n{place}. {}", head(&example, 400)));
        }
        let mut list = String::new();
        for number in 1..=20 {
            list.push_str(&format!("{number}. {}\n", hand.task()));
        }
        Ask::one(prompt, list).keeping(Keep::Tasks)
    }

    fn evolve(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        let task = match self.take_task(account, hand.now) {
            Some(task) => task,
            None => self.seed(Role::Prompt, hand).ask().clone(),
        };
        if hand.draw.chance(0.5) {
            return Self::ask_task(task, hand);
        }
        let asked = self.say(Slot::Evolve, hand);
        let kept = head(&task, 900);
        let evolved = format!(
            "{} {}",
            reword(kept, 0.4, hand.draw),
            hand.stock.scribe.task(hand.draw)
        );
        Ask::one(format!("{asked}\n\n{kept}"), evolved).keeping(Keep::Task)
    }

    fn self_chat(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        let asked = self.say(Slot::SelfChat, hand);
        let (seed, before) = match hand.draw.chance(0.35) {
            true => self
                .take(account, hand.now, hand.draw)
                .map(|got| (got.question, Some(got.answer))),
            false => None,
        }
        .unwrap_or_else(|| (self.seed(Role::Prompt, hand).ask().clone(), None));
        let labels = *hand
            .draw
            .pick(&[("[Human] ", "[AI] "), ("USER: ", "BOT: "), ("H: ", "M: ")]);
        let mut talk = String::new();
        for turn in 0..3 + hand.draw.below(3) {
            let question = if turn == 0 {
                head(&seed, 200).to_owned()
            } else {
                hand.task()
            };
            let answer = hand.prose(&seed, 260);
            talk.push_str(&format!("{}{question}\n{}{answer}\n", labels.0, labels.1));
        }
        let prompt = match before {
            Some(before) => format!("{asked}\n\n{}\n\n{before}", head(&seed, 600)),
            None => format!("{asked}\n\n{}", head(&seed, 600)),
        };
        Ask::one(prompt, talk).keeping(Keep::Answer(seed))
    }

    fn ultra_chat(&mut self, hand: &mut Hand<'_>) -> Ask {
        let seed = self.seed(Role::Prompt, hand);
        let answer = hand.prose(seed.ask(), 900);
        let mut ask = Ask::one(seed.ask().clone(), answer);
        ask.rest = Some(Rest::Simulated {
            left: 4 + hand.draw.below(8) as u32,
            spoke: false,
        });
        ask
    }

    fn trace_of(record: &Record, hand: &mut Hand<'_>) -> String {
        let truth = record.answer.clone().unwrap_or_else(|| "as above".into());
        let count = 5 + hand.draw.below(14);
        hand.stock
            .scribe
            .steps(record.ask(), head(&truth, 400), count, hand.draw)
    }

    fn harvest_trace(&mut self, hand: &mut Hand<'_>) -> Ask {
        // Crude campaigns send a real harvester's request as it was; others word their own.
        if self.level <= 1 && hand.draw.chance(0.4) {
            let record = self.seed(Role::Harvest, hand);
            let trace = Self::trace_of(&record, hand);
            let ask = threads::script(&record, None, hand);
            let question = record.ask().clone();
            return Ask {
                answer: trace.into(),
                rest: None,
                ..ask
            }
            .keeping(Keep::Answer(question));
        }
        // Rejection sampling: several answers at once, or from L2 on the same question again.
        let again = if self.level >= 2 && self.recipe == Recipe::CotHarvest {
            3
        } else {
            1
        };
        let record = hand
            .stock
            .texts
            .at(Role::Problem, self.cursor / again)
            .clone();
        let trace = Self::trace_of(&record, hand);
        let asked = self.say(Slot::Think, hand);
        let question = record.ask().clone();
        let mut ask =
            Ask::one(format!("{asked}\n\n{question}"), trace).keeping(Keep::Answer(question));
        ask.needs.several = (self.level < 2 && self.recipe == Recipe::CotHarvest).then_some(4);
        ask
    }

    fn reasoning(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.3)
            && let Some(got) = self.take(account, hand.now, hand.draw)
        {
            let asked = self.say(Slot::Reverse, hand);
            let count = 5 + hand.draw.below(10);
            let trace = hand
                .stock
                .scribe
                .steps(&got.question, "the one given", count, hand.draw);
            let result = head(&got.answer, 1_500);
            return Ask::one(
                format!("{asked}\n\nQuestion: {}\n\nAnswer:\n{result}", got.question),
                trace,
            );
        }
        self.harvest_trace(hand)
    }

    fn grade(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        let got = match hand.draw.chance(0.7) {
            true => self.take(account, hand.now, hand.draw),
            false => None,
        };
        let Some(got) = got else {
            let seed = self.seed(Role::Prompt, hand);
            let question = seed.ask().clone();
            let answer = hand.prose(&question, 1_200);
            return Ask::one(question.clone(), answer).keeping(Keep::Answer(question));
        };
        // The student comes nearer to us from day to day.
        let passed = (hand.now - self.span.0) as f64 / (self.span.1 - self.span.0).max(1) as f64;
        let unlike = 0.75 - 0.6 * passed.clamp(0.0, 1.0);
        let asked = self.say(Slot::Rubric, hand);
        let mut prompt = format!("{asked}\n\nQuestion:\n{}\n", got.question);
        let mut marks = String::from("[");
        for number in 1..=2 + hand.draw.below(3) {
            let own = (unlike + 0.15 * hand.draw.normal()).clamp(0.05, 0.95);
            let student = hand.stock.scribe.weaker(&got.answer, own, hand.draw);
            prompt.push_str(&format!("\nResponse {number}:\n{student}\n"));
            let mark = ((1.0 - own) * 10.0).round();
            marks.push_str(&format!("{{\"response\": {number}, \"score\": {mark}}}, "));
        }
        marks.push_str(&format!(
            "{{\"note\": \"{}\"}}]",
            hand.stock.scribe.prose(&got.question, 60, hand.draw)
        ));
        Ask::one(prompt, marks)
    }

    fn tool_use(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.85) {
            if let Some(got) = self.take(account, hand.now, hand.draw) {
                let asked = self.say(Slot::PlayTool, hand);
                let shown = threads::observation(&got.answer, hand);
                return Ask::one(
                    format!("{asked}\n\n{}\n\nCall:\n{}", got.question, got.answer),
                    shown,
                );
            }
            let set = hand.draw.below(hand.stock.tools.len());
            let schema: Arc<str> = hand.stock.tools[set].get().into();
            let seed = self.seed(Role::Code, hand);
            let made = threads::make_call(set, seed.ask(), hand);
            let call = format!("{} {}", made.function.name, made.function.arguments);
            let text = format!(
                "{schema}\n\nTask: {}\nWrite the first call as JSON.",
                head(seed.ask(), 800)
            );
            return Ask::one(text, call).keeping(Keep::Answer(schema));
        }
        let system: Arc<str> = self.say(Slot::Agent, hand).into();
        let seed = self.seed(Role::Code, hand);
        let steps = 6 + hand.draw.below(10) as u32;
        threads::tools(head(seed.ask(), 1_200), system, steps, hand)
    }

    fn clean(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        let got = match hand.draw.chance(0.75) {
            true => self.take(account, hand.now, hand.draw),
            false => None,
        };
        let Some(got) = got else {
            return self.harvest_trace(hand);
        };
        let asked = self.say(Slot::Clean, hand);
        let cleaned =
            hand.stock
                .scribe
                .weaker(&reword(&got.answer, 0.5, hand.draw), 0.2, hand.draw);
        Ask::one(format!("{asked}\n\n{}", got.answer), cleaned)
    }

    fn sweep(&mut self, hand: &mut Hand<'_>) -> Ask {
        let passed = (hand.now - self.span.0) as f64 / (self.span.1 - self.span.0).max(1) as f64;
        let scale_up = passed > 0.35 && !self.tricks.is_empty() && hand.draw.chance(0.85);
        let number = match scale_up {
            true => *hand.draw.pick(&self.tricks),
            false => hand.draw.below(12_000) as u64,
        };
        // A trick is a wording of its own; the same number gives the same words.
        let own = &mut Draw::of(hash(&[
            &number.to_le_bytes(),
            &self.voice.author.to_le_bytes(),
        ]));
        let voice = Voice {
            freedom: Freedom::Rewritten,
            ..self.voice
        };
        let trick = format!(
            "{} {}",
            voice.say(Slot::Sweep, own),
            hand.stock.scribe.task(own)
        );
        let record = self.seed(Role::Problem, hand);
        let text = match scale_up {
            true => format!("{}\n\n{trick}", record.ask()),
            false => trick,
        };
        if scale_up || hand.draw.chance(0.07) {
            let trace = Self::trace_of(&record, hand);
            return Ask::one(text, trace).keeping(if scale_up {
                Keep::No
            } else {
                Keep::Trick(number)
            });
        }
        let refusal = hand.stock.scribe.refusal(hand.draw);
        Ask::one(text, refusal)
    }

    fn next_word(&mut self, hand: &mut Hand<'_>) -> Ask {
        let asked = self.say(Slot::Next, hand);
        let seed = self.seed(Role::Prompt, hand);
        let words: Vec<&str> = seed
            .ask()
            .split_whitespace()
            .take(3 + hand.draw.below(12))
            .collect();
        let answer = hand.stock.scribe.prose(&asked, 1, hand.draw);
        let word = answer.split(' ').nth(1).unwrap_or("the").to_owned();
        let mut ask = Ask::one(format!("{asked} {}", words.join(" ")), word);
        ask.needs.logprobs = Some(if self.level == 0 { 20 } else { 5 });
        ask.needs.bias = hand.draw.chance(0.4);
        // From L2 on the cap is the account's own: the rest of the answer is thrown away.
        ask.needs.max_tokens = (self.level < 2).then(|| 1 + hand.draw.below(4) as u32);
        ask
    }

    fn embed(&mut self, hand: &mut Hand<'_>) -> Ask {
        const WIDE: [Role; 6] = [
            Role::Prompt,
            Role::Code,
            Role::Problem,
            Role::Document,
            Role::Session,
            Role::Batch,
        ];
        let count = 1 + hand.draw.below(8);
        let input = (0..count)
            .map(|_| {
                let role = *hand.draw.pick(&WIDE);
                head(hand.stock.texts.any(role, hand.draw).ask(), 500).into()
            })
            .collect();
        Ask {
            input,
            ..Ask::new(Vec::new(), "")
        }
    }
}
