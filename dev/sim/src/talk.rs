//! One exchange before it is written: what is asked, what our model answers, what may follow.
//! Requests and answers as the endpoints shape them are made in `out`.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::arrivals::Traces;
use crate::draw::Draw;
use crate::origin::Client;
use crate::scribe::Scribe;
use crate::texts::{Record, Role, Texts, head};

/// What all accounts draw from.
#[derive(Debug)]
pub(crate) struct Stock {
    /// Texts.
    pub texts: Texts,
    /// Times and sizes.
    pub traces: Traces,
    /// The grammar.
    pub scribe: Scribe,
    /// Tool sets.
    pub tools: Vec<Box<RawValue>>,
    /// Which third of the wordings.
    pub dialect: u8,
}

/// What a maker of requests has at hand: the time, its own randomness, the stock.
#[derive(Debug)]
pub(crate) struct Hand<'a> {
    /// Milliseconds since 1970.
    pub now: i64,
    /// The account's draws.
    pub draw: &'a mut Draw,
    /// Texts and the rest.
    pub stock: &'a Stock,
}

impl Hand<'_> {
    /// An answer in prose, as long as a real one, held to `most` bytes.
    pub(crate) fn prose(&mut self, prompt: &str, most: usize) -> Arc<str> {
        let bytes = self.stock.traces.length(most, self.draw);
        self.stock.scribe.prose(prompt, bytes, self.draw).into()
    }

    /// A task as a model makes it up: half are like people's, half come from the grammar. People
    /// send both kinds as well, so that neither marks who made it.
    pub(crate) fn task(&mut self) -> String {
        if self.draw.chance(0.5) {
            return self.stock.scribe.task(self.draw);
        }
        let role = if self.draw.chance(0.75) {
            Role::Prompt
        } else {
            Role::Code
        };
        let record = self.stock.texts.any(role, self.draw).clone();
        head(record.ask(), 300).replace('\n', " ")
    }

    /// The recorded answer, or one that is written.
    pub(crate) fn answer(&mut self, record: &Record, most: usize) -> Arc<str> {
        match &record.answer {
            Some(answer) => answer.clone(),
            None => self.prose(record.ask(), most),
        }
    }
}

/// A message as the chat endpoints take it.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: &'static str,
    /// The text; null beside a tool call.
    pub content: Option<Arc<str>>,
    /// Calls that the model made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Call>,
    /// Which call a tool's message answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
}

impl Message {
    /// A plain message.
    pub fn new(role: &'static str, content: impl Into<Arc<str>>) -> Self {
        Self {
            role,
            content: Some(content.into()),
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }

    /// A user's message.
    pub fn user(content: impl Into<Arc<str>>) -> Self {
        Self::new("user", content)
    }
}

/// A tool call.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Its id.
    pub id: Arc<str>,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Name and arguments.
    pub function: Function,
}

/// What is called.
#[derive(Debug, Clone, Serialize)]
pub struct Function {
    /// Name in the tool set.
    pub name: Arc<str>,
    /// JSON as text, as the endpoints have it.
    pub arguments: Arc<str>,
}

impl Call {
    /// A call of a function.
    pub fn new(id: Arc<str>, name: &str, arguments: &str) -> Self {
        let function = Function {
            name: name.into(),
            arguments: arguments.into(),
        };
        Self {
            id,
            kind: "function",
            function,
        }
    }
}

/// What a request cannot do without, beside the account's own parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// Log-probabilities of so many tokens.
    pub logprobs: Option<u8>,
    /// A bias on tokens.
    pub bias: bool,
    /// A cap on the answer.
    pub max_tokens: Option<u32>,
    /// So many answers to one question.
    pub several: Option<u8>,
}

/// What an answer is kept for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing.
    No,
    /// An answer to this question, to be used again.
    Answer(Arc<str>),
    /// A list of tasks, to be asked one by one.
    Tasks,
    /// One task.
    Task,
    /// A trick that worked.
    Trick(u64),
}

/// What comes after a turn of a conversation.
#[derive(Debug, Clone)]
pub(crate) enum Rest {
    /// The next turn of a recorded dialogue.
    Script {
        /// The dialogue.
        record: Arc<Record>,
        /// The place of the user's turn to come.
        turn: usize,
    },
    /// So many more tool calls.
    Tools {
        /// Steps left.
        left: u32,
    },
    /// A simulated user speaks next, or is answered.
    Simulated {
        /// Steps left.
        left: u32,
        /// The last reply came from the simulated user.
        spoke: bool,
    },
}

/// A conversation that can go on, under the same account or another of the pool.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    /// All so far.
    pub messages: Vec<Message>,
    /// What comes.
    pub rest: Rest,
    /// Tool set in use.
    pub tools: Option<usize>,
    /// Not before this time.
    pub ready: i64,
    /// Whether it serves distillation (truth only).
    pub distilling: bool,
    /// The client of a router's customer.
    pub client: Option<Arc<Client>>,
}

/// One request and what our model says to it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Messages of a chat request.
    pub messages: Vec<Message>,
    /// Texts of an embedding request; then there are no messages.
    pub input: Vec<Arc<str>>,
    /// Tool set.
    pub tools: Option<usize>,
    /// Parameters it cannot do without.
    pub needs: Needs,
    /// The answer (further choices are variants of it).
    pub answer: Arc<str>,
    /// The call that the model makes in place of an answer.
    pub call: Option<Call>,
    /// What the answer is kept for.
    pub keep: Keep,
    /// How the conversation goes on once the answer is there.
    pub rest: Option<Rest>,
    /// Whether it serves distillation (truth only).
    pub distilling: bool,
    /// The client of a router's customer.
    pub client: Option<Arc<Client>>,
}

impl Ask {
    /// A request of these messages with this answer.
    pub(crate) fn new(messages: Vec<Message>, answer: impl Into<Arc<str>>) -> Self {
        Self {
            messages,
            input: Vec::new(),
            tools: None,
            needs: Needs::default(),
            answer: answer.into(),
            call: None,
            keep: Keep::No,
            rest: None,
            distilling: false,
            client: None,
        }
    }

    /// A request of one user text.
    pub(crate) fn one(text: impl Into<Arc<str>>, answer: impl Into<Arc<str>>) -> Self {
        Self::new(vec![Message::user(text)], answer)
    }

    /// The same, kept for later.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// How long our model takes: by the length of what it says.
    pub(crate) fn duration_ms(&self, draw: &mut Draw) -> i64 {
        let said = self.answer.len() + self.input.len() * 20;
        ((180.0 + said as f64 * 2.6) * (0.7 + 0.6 * draw.unit())) as i64
    }

    /// The conversation after its answer, where it goes on.
    pub(crate) fn follow(&self, ready: i64) -> Option<Thread> {
        let rest = self.rest.clone()?;
        let mut messages = self.messages.clone();
        let mut reply = Message::new("assistant", self.answer.clone());
        if let Some(call) = &self.call {
            reply.content = None;
            reply.tool_calls.push(call.clone());
        }
        messages.push(reply);
        Some(Thread {
            messages,
            rest,
            tools: self.tools,
            ready,
            distilling: self.distilling,
            client: self.client.clone(),
        })
    }
}
