//! Chat templates: the file's own Jinja text, rendered as transformers does, and turned into tokens
//! so that a message can never write a control token: only the template's own text does.
//! The date is handed in; a template is bounded in the steps that it may take.

mod functions;
mod mark;

use crate::tokenizer::{Specials, Tokenizer};
use crate::{Error, Result};
pub use functions::Date;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Value, context};
use serde::Serialize;

/// Steps of the template engine for one rendering: far above any conversation, far below a hang.
const FUEL: u64 = 20_000_000;

/// A conversation to encode.
#[derive(Debug, Clone)]
pub struct Chat {
    messages: Value,
    tools: Option<Value>,
    generation_prompt: bool,
    date: Option<Date>,
}

impl Chat {
    /// `messages` is a sequence of maps with `role` and `content`, as the OpenAI API has them; the
    /// template decides which other fields it reads. The answer's opening is added.
    ///
    /// # Errors
    /// [`Error::Template`] where it is not a sequence.
    pub fn new(messages: &impl Serialize) -> Result<Self> {
        let messages = sequence("messages", messages)?;
        Ok(Self {
            messages,
            tools: None,
            generation_prompt: true,
            date: None,
        })
    }

    /// Adds the tools' definitions, a sequence.
    ///
    /// # Errors
    /// [`Error::Template`] where it is not a sequence.
    pub fn tools(mut self, tools: &impl Serialize) -> Result<Self> {
        self.tools = Some(sequence("tools", tools)?);
        Ok(self)
    }

    /// Whether the answer's opening ends the prompt.
    #[must_use]
    pub fn generation_prompt(mut self, add: bool) -> Self {
        self.generation_prompt = add;
        self
    }

    /// The date that a template may ask for by `strftime_now`; without it that function is not
    /// defined.
    #[must_use]
    pub fn date(mut self, date: Date) -> Self {
        self.date = Some(date);
        self
    }
}

fn sequence(name: &str, value: &impl Serialize) -> Result<Value> {
    let value = Value::from(Serde(value));
    match value.kind() {
        ValueKind::Seq => Ok(value),
        _ => Err(Error::Template(format!("{name} must be a list"))),
    }
}

/// A compiled template.
#[derive(Clone)]
pub struct ChatTemplate {
    text: String,
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles the text of a file's chat template; `begin` and `end` are the spellings of its
    /// beginning-of-sequence and end-of-sequence tokens, empty where there are none.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the text is no template that we can read.
    pub fn new(text: &str, begin: &str, end: &str) -> Result<Self> {
        let mut environment = Environment::new();
        // As transformers sets Jinja up.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|e| unreadable(&e))?);
        environment.set_fuel(Some(FUEL));
        functions::add(&mut environment);
        environment
            .add_template_owned("chat", text.to_owned())
            .map_err(|e| unreadable(&e))?;
        Ok(Self {
            text: text.to_owned(),
            environment,
            begin: begin.to_owned(),
            end: end.to_owned(),
        })
    }

    /// The template's own text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.text
    }

    /// The text of a conversation. It cannot tell the template's control tokens from spellings in
    /// the messages: encode a conversation by [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`Error::Template`] with the template's own words.
    pub fn render(&self, chat: &Chat) -> Result<String> {
        let context = context! {
            messages => chat.messages.clone(),
            tools => chat.tools.clone(),
            add_generation_prompt => chat.generation_prompt,
            bos_token => self.begin.clone(),
            eos_token => self.end.clone(),
        };
        let context = match chat.date {
            None => context,
            Some(date) => context! { strftime_now => date.function(), ..context },
        };
        let template = self.environment.get_template("chat");
        template.and_then(|t| t.render(context)).map_err(|e| {
            let reason = e
                .detail()
                .map_or_else(|| e.kind().to_string(), str::to_owned);
            Error::Template(reason)
        })
    }

    /// Token ids of a conversation. Control tokens come from the template alone.
    ///
    /// # Errors
    /// [`Error::Template`] with the template's own words.
    pub fn encode(&self, tokenizer: &Tokenizer, chat: &Chat) -> Result<Vec<u32>> {
        let mark = mark::unused(
            [Some(&chat.messages), chat.tools.as_ref()]
                .into_iter()
                .flatten(),
        );
        let mark = mark.ok_or_else(|| {
            Error::Template("the messages hold every noncharacter of Unicode".into())
        })?;
        let spellings: Vec<&str> = tokenizer.special_spellings().collect();
        let marked = Chat {
            messages: mark::insert(&chat.messages, mark, &spellings),
            tools: chat
                .tools
                .as_ref()
                .map(|t| mark::insert(t, mark, &spellings)),
            ..chat.clone()
        };
        let mut out = Vec::new();
        tokenizer.encode_into(
            &self.render(&marked)?,
            Specials::Parse,
            Some(mark),
            &mut out,
        );
        Ok(out)
    }
}

fn unreadable(error: &minijinja::Error) -> Error {
    Error::Unsupported(format!("chat template: {error}"))
}

#[cfg(test)]
mod tests;
