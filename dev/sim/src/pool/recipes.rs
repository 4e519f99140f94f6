//! How each recipe words its next request from what its campaign works on.

use std::sync::Arc;

use super::Pool;
use crate::draw::{Draw, hash};
use crate::recipe::Recipe;
use crate::talk::{Ask, Hand, Keep, Rest};
use crate::texts::{Record, Role, head};
use crate::threads;
use crate::voice::{Freedom, Slot, Voice, reword};

impl Pool {
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

    pub(super) fn self_instruct(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn evolve(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn self_chat(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn ultra_chat(&mut self, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn harvest_trace(&mut self, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn reasoning(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn grade(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn tool_use(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn clean(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn sweep(&mut self, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn next_word(&mut self, hand: &mut Hand<'_>) -> Ask {
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

    pub(super) fn embed(&mut self, hand: &mut Hand<'_>) -> Ask {
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
