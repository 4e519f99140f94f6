//! What honest accounts ask, persons and programs alike, with the habits that a detector must not
//! take for distillation: pasted answers, graded answers, fixed templates, log-probabilities,
//! the same benchmark as everybody. No state but a few recent answers.

use std::sync::Arc;

use crate::draw::{Draw, hash};
use crate::origin::Client;
use crate::pool::Pool;
use crate::recipe::Recipe;
use crate::talk::{Ask, Hand, Keep, Message, Thread};
use crate::texts::{Role, head};
use crate::threads;
use crate::voice::{Freedom, Slot, Voice};
use crate::workload::Content;

/// Answers an account remembers.
const RECENT: usize = 4;

/// The maker of an honest account's requests.
#[derive(Debug)]
pub(crate) struct Honest {
    content: Content,
    voice: Voice,
    cursor: usize,
    recent: Vec<(Arc<str>, Arc<str>)>,
    tenants: u64,
    /// Share of new work done with tools, beside what the content is.
    with_tools: f64,
    pool: Option<Box<Pool>>,
}

impl Honest {
    /// `author` tells whose templates it uses: accounts of one group share an author.
    pub(crate) fn new(content: Content, dialect: u8, author: u64, own: u64) -> Self {
        let voice = Voice {
            dialect,
            author,
            freedom: Freedom::Fixed,
        };
        let mut draw = Draw::of(hash(&[&author.to_le_bytes(), &own.to_le_bytes()]));
        let pool = (content == Content::Sanctioned).then(|| {
            let granted = [
                Recipe::SelfInstruct,
                Recipe::CotHarvest,
                Recipe::EvolInstruct,
                Recipe::RubricGrading,
            ];
            Box::new(Pool::new(*draw.pick(&granted), 0, voice, (0, 1)))
        });
        // Whether an account uses tools says little about it: most kinds of work do so at times.
        let often = match content {
            Content::Code | Content::Tools => 0.5,
            Content::Chat | Content::Support | Content::Tenants | Content::Judge => 0.35,
            Content::Audit | Content::Evaluate | Content::Classify | Content::Label => 0.3,
            Content::Assignment | Content::Translate | Content::Benchmark => 0.2,
            Content::Index | Content::Sanctioned => 0.0,
        };
        let with_tools = if draw.chance(often) {
            0.03 + 0.3 * draw.unit()
        } else {
            0.0
        };
        Self {
            content,
            voice,
            cursor: draw.below(1 << 30),
            recent: Vec::new(),
            tenants: draw.between(4, 60),
            with_tools,
            pool,
        }
    }

    /// The next request that starts something new.
    pub(crate) fn next(&mut self, hand: &mut Hand<'_>) -> Ask {
        self.cursor += 1;
        if hand.draw.chance(self.with_tools) {
            // Agents do plain work at times, others the reverse.
            return match self.content {
                Content::Tools => self.code(hand),
                _ => self.tools(hand),
            };
        }
        match self.content {
            Content::Chat => self.chat(hand),
            Content::Code => self.code(hand),
            Content::Tools => self.tools(hand),
            Content::Evaluate | Content::Benchmark => self.problem(hand),
            Content::Index => self.index(hand),
            Content::Translate => self.passage(Slot::Translate, hand),
            Content::Label | Content::Classify => self.label(hand),
            Content::Support => self.support(hand),
            Content::Tenants => tenant(
                self.voice.dialect,
                self.tenants,
                self.voice.author,
                None,
                hand,
            ),
            Content::Assignment => self.assignment(hand),
            Content::Judge => self.judge(hand),
            Content::Audit => self.audit(hand),
            Content::Sanctioned => match &mut self.pool {
                Some(pool) => Ask {
                    distilling: false,
                    ..pool.next(0, hand)
                },
                None => self.problem(hand),
            },
        }
    }

    /// The next request of a conversation.
    pub(crate) fn go_on(&self, thread: Thread, hand: &mut Hand<'_>) -> Ask {
        threads::go_on(thread, &self.voice, hand)
    }

    /// An answer arrived.
    pub(crate) fn got(&mut self, ask: &Ask, ready: i64) {
        if let Some(pool) = &mut self.pool {
            pool.got(ask, 0, ready);
        } else if let (Some(last), true) = (ask.messages.last(), ask.answer.len() > 120) {
            if self.recent.len() == RECENT {
                self.recent.remove(0);
            }
            let asked = last.content.clone().unwrap_or_default();
            self.recent.push((asked, ask.answer.clone()));
        }
    }

    /// A fresh conversation about a recent answer: people do paste.
    fn paste(&mut self, slot: Slot, hand: &mut Hand<'_>) -> Option<Ask> {
        let (_, text) = self
            .recent
            .get(hand.draw.below(self.recent.len().max(1)))?
            .clone();
        let asked = Voice {
            freedom: Freedom::Rewritten,
            ..self.voice
        }
        .say(slot, hand.draw);
        let answer = hand.prose(&text, 1_200);
        Some(Ask::one(
            format!("{asked}\n\n{}", head(&text, 3_000)),
            answer,
        ))
    }

    fn chat(&mut self, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.06)
            && let Some(ask) = self.paste(Slot::Improve, hand)
        {
            return ask;
        }
        if hand.draw.chance(0.2) {
            let task = hand.task();
            let answer = hand.prose(&task, 1_200);
            return Ask::one(task, answer);
        }
        let role = if hand.draw.chance(0.5) {
            Role::Session
        } else {
            Role::Prompt
        };
        let record = hand.stock.texts.any(role, hand.draw).clone();
        threads::script(&record, None, hand)
    }

    fn code(&mut self, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.12)
            && let Some(ask) = self.paste(Slot::Improve, hand)
        {
            return ask;
        }
        let record = hand.stock.texts.any(Role::Code, hand.draw).clone();
        let answer = match &record.answer {
            Some(answer) => answer.clone(),
            None => {
                let lines = 6 + hand.draw.below(22);
                let program = hand.stock.scribe.program(record.ask(), lines, hand.draw);
                format!("{}\n\n{program}", hand.prose(record.ask(), 500)).into()
            }
        };
        Ask::one(record.ask().clone(), answer)
    }

    fn tools(&mut self, hand: &mut Hand<'_>) -> Ask {
        let system: Arc<str> = self.voice.say(Slot::Agent, hand.draw).into();
        let record = hand.stock.texts.any(Role::Code, hand.draw).clone();
        let steps = 2 + hand.draw.below(9) as u32;
        threads::tools(record.ask(), system, steps, hand)
    }

    fn problem(&mut self, hand: &mut Hand<'_>) -> Ask {
        // Everybody's benchmark is the same list, in order; an own evaluation is a small part.
        let place = match self.content {
            Content::Benchmark => self.cursor,
            _ => self.voice.author as usize % 5_000 + self.cursor % 120,
        };
        let record = hand.stock.texts.at(Role::Problem, place).clone();
        let system = self.voice.say(Slot::Evaluate, hand.draw);
        let answer = match hand.draw.chance(0.75) {
            true => hand.answer(&record, 300),
            false => {
                let truth = record.answer.clone().unwrap_or_else(|| "open".into());
                let count = 2 + hand.draw.below(4);
                hand.stock
                    .scribe
                    .steps(record.ask(), &truth, count, hand.draw)
                    .into()
            }
        };
        Ask::new(
            vec![
                Message::new("system", system),
                Message::user(record.ask().clone()),
            ],
            answer,
        )
    }

    fn index(&mut self, hand: &mut Hand<'_>) -> Ask {
        if hand.draw.chance(0.25) {
            return self.passage(Slot::Summarise, hand);
        }
        let count = 1 + hand.draw.below(6);
        let from = self.cursor * 6;
        let input = (0..count)
            .map(|place| {
                hand.stock
                    .texts
                    .at(Role::Document, from + place)
                    .ask()
                    .clone()
            })
            .collect();
        Ask {
            input,
            ..Ask::new(Vec::new(), "")
        }
    }

    fn passage(&mut self, slot: Slot, hand: &mut Hand<'_>) -> Ask {
        let asked = self.voice.say(slot, hand.draw);
        // One in twelve results is sent back to be checked against its source.
        if hand.draw.chance(0.08)
            && let Some((source, result)) = self.recent.last().cloned()
        {
            let check = self.voice.say(Slot::Check, hand.draw);
            let answer = hand.prose(&result, 300);
            return Ask::one(
                format!("{check}\n\nSource:\n{source}\n\nResult:\n{result}"),
                answer,
            );
        }
        let record = hand.stock.texts.at(Role::Document, self.cursor).clone();
        let most = if slot == Slot::Translate {
            record.ask().len()
        } else {
            300
        };
        let answer = hand
            .stock
            .scribe
            .prose(record.ask(), most.max(80), hand.draw);
        Ask::one(format!("{asked}\n\n{}", record.ask()), answer)
    }

    fn label(&mut self, hand: &mut Hand<'_>) -> Ask {
        let record = hand.stock.texts.at(Role::Batch, self.cursor).clone();
        let mut ask = threads::script(&record, None, hand);
        if self.content == Content::Classify && self.voice.author.is_multiple_of(2) {
            ask.needs.logprobs = Some(5);
            ask.needs.bias = self.voice.author.is_multiple_of(8);
            ask.needs.max_tokens = Some(16);
        }
        ask
    }

    fn support(&mut self, hand: &mut Hand<'_>) -> Ask {
        let system: Arc<str> = self.voice.say(Slot::Support, hand.draw).into();
        let record = hand.stock.texts.any(Role::Session, hand.draw).clone();
        threads::script(&record, Some(system), hand)
    }

    fn assignment(&mut self, hand: &mut Hand<'_>) -> Ask {
        // The task is the class's, the words around it the pupil's.
        if hand.draw.chance(0.2)
            && let Some(ask) = self.paste(Slot::Improve, hand)
        {
            return ask;
        }
        let record = hand
            .stock
            .texts
            .at(Role::Prompt, self.voice.author as usize % 100_000)
            .clone();
        let lead = match hand.draw.chance(0.6) {
            true => self.voice.say(Slot::Assignment, hand.draw),
            false => hand.stock.scribe.task(hand.draw),
        };
        let answer = hand.prose(record.ask(), 1_200);
        Ask::one(format!("{lead} {}", record.ask()), answer)
    }

    fn judge(&mut self, hand: &mut Hand<'_>) -> Ask {
        // Half of what a product grades was answered by us, for the same product.
        let recent = self.recent.last().cloned();
        match recent {
            Some((question, answer)) if hand.draw.chance(0.55) => {
                let asked = self.voice.say(Slot::Judge, hand.draw);
                let verdict = hand.prose(&question, 160);
                let text = format!("{asked}\n\nQuestion:\n{question}\n\nReply:\n{answer}");
                // The verdict is not graded again.
                self.recent.pop();
                Ask::one(text, verdict)
            }
            _ if hand.draw.chance(0.4) => {
                let record = hand.stock.texts.any(Role::Judge, hand.draw).clone();
                let verdict = hand.answer(&record, 400);
                Ask::new(vec![Message::user(record.ask().clone())], verdict)
            }
            _ => {
                let record = hand.stock.texts.any(Role::Prompt, hand.draw).clone();
                let answer = hand.prose(record.ask(), 800);
                Ask::one(record.ask().clone(), answer)
            }
        }
    }

    fn audit(&mut self, hand: &mut Hand<'_>) -> Ask {
        let asked = self.voice.say(Slot::Audit, hand.draw);
        let role = if self.voice.author.is_multiple_of(2) {
            Role::Document
        } else {
            Role::Problem
        };
        let record = hand.stock.texts.any(role, hand.draw).clone();
        let truth = record.answer.clone().unwrap_or_else(|| "granted".into());
        let count = 4 + hand.draw.below(8);
        let answer = hand
            .stock
            .scribe
            .steps(record.ask(), head(&truth, 80), count, hand.draw);
        Ask::new(
            vec![
                Message::new("system", asked),
                Message::user(record.ask().clone()),
            ],
            answer,
        )
    }
}

/// A request of one of the customers behind a product or a router: persons, desks and small
/// batches, each with its own templates and client.
pub(crate) fn tenant(
    dialect: u8,
    tenants: u64,
    owner: u64,
    clients: Option<&[Arc<Client>]>,
    hand: &mut Hand<'_>,
) -> Ask {
    const KINDS: [Content; 16] = [
        Content::Chat,
        Content::Chat,
        Content::Chat,
        Content::Chat,
        Content::Chat,
        Content::Code,
        Content::Code,
        Content::Code,
        Content::Code,
        Content::Support,
        Content::Support,
        Content::Translate,
        Content::Translate,
        Content::Label,
        Content::Judge,
        Content::Tools,
    ];
    // A few customers are busy, most are not.
    let rank = ((tenants as f64 + 1.0).powf(hand.draw.unit()) - 1.0) as u64;
    let number = hash(&[&owner.to_le_bytes(), &rank.to_le_bytes()]);
    let content = KINDS[(number % KINDS.len() as u64) as usize];
    let mut own = Honest::new(content, dialect, number, number);
    own.cursor = hand.draw.below(1 << 24);
    own.with_tools = 0.0;
    let mut ask = own.next(hand);
    ask.keep = Keep::No;
    ask.client = clients
        .filter(|list| !list.is_empty())
        .map(|list| list[number as usize % list.len()].clone());
    ask
}
