//! From the places of a body's fields to what they say: types, bounds and defaults of each.
//! Every refusal names the field and says what it must be.

use bytes::Bytes;
use record::Endpoint;

use super::{Field, Found, FoundFields, Policy};
use crate::error::ApiError;
use crate::json::{self, Fault, Kind, Shape, Value};

/// The largest integer that every JSON reader holds exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

pub(super) fn read(endpoint: &Endpoint, body: &Bytes) -> Result<Policy, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        invalid_json(format!(
            "The body is not UTF-8 at byte {}.",
            error.valid_up_to()
        ))
    })?;
    let mut fields = FoundFields::new();
    let mut misspelt = None;
    json::object(text, |key, member| match Field::named(key) {
        Some(field) => fields.push(Found { field, member }),
        None => misspelt = misspelt.or_else(|| Field::misspelt(key)),
    })
    .map_err(refuse)?;
    let mut policy = empty(endpoint, body.clone());
    if matches!(endpoint, Endpoint::Listed(_) | Endpoint::Models) {
        listed(&mut policy, text, &fields);
        policy.fields = fields;
        return Ok(policy);
    }
    if let Some(field) = misspelt {
        return Err(ApiError::invalid(
            field.name(),
            "invalid_value",
            format!(
                "Write '{}' in lower case: servers differ on other spellings.",
                field.name()
            ),
        ));
    }
    let mut reader = Reader {
        text,
        endpoint,
        log: Log::default(),
        policy: &mut policy,
    };
    for found in &fields {
        reader.field(found.field, found.member.value)?;
    }
    reader.settle()?;
    policy.fields = fields;
    Ok(policy)
}

fn invalid_json(message: String) -> ApiError {
    let mut error = ApiError::invalid("", "invalid_json", message);
    error.param = None;
    error
}

fn refuse(fault: Fault) -> ApiError {
    match fault {
        Fault::Syntax { at, what } => {
            invalid_json(format!("The body is not valid JSON at byte {at}: {what}."))
        }
        Fault::TooDeep { at } => invalid_json(format!(
            "The body has more than {} levels of nesting at byte {at}.",
            json::MAX_DEPTH
        )),
        Fault::DuplicateKey(key) => {
            let shown = &key[..key.floor_char_boundary(64)];
            let message = format!("The key '{shown}' is twice in one object; send it once.");
            ApiError::invalid(shown.to_owned(), "duplicate_key", message)
        }
    }
}

fn empty(endpoint: &Endpoint, body: Bytes) -> Policy {
    Policy {
        model: String::new(),
        stream: false,
        include_usage: false,
        max_tokens: None,
        n: 1,
        best_of: None,
        prompts: 1,
        logprobs: None,
        prompt_logprobs: None,
        echo: false,
        logit_bias: false,
        store: false,
        reasoning: false,
        tools: false,
        user: None,
        previous_response_id: None,
        body,
        own_max: match endpoint {
            Endpoint::Chat => Some(Field::MaxCompletionTokens),
            Endpoint::Completions | Endpoint::Messages => Some(Field::MaxTokens),
            Endpoint::Responses => Some(Field::MaxOutputTokens),
            _ => None,
        },
        stream_options: matches!(endpoint, Endpoint::Chat | Endpoint::Completions),
        fields: FoundFields::new(),
    }
}

/// On a listed path fields may mean anything: only a model's name and a stream are recognised.
fn listed(policy: &mut Policy, text: &str, fields: &[Found]) {
    for found in fields {
        match (found.field, found.member.value.shape) {
            (Field::Model, Shape::String { .. }) => {
                policy.model = string(text, found.member.value);
            }
            (Field::Stream, Shape::Bool(stream)) => policy.stream = stream,
            (Field::Store, Shape::Bool(store)) => policy.store = store,
            _ => {}
        }
    }
}

fn string(text: &str, value: Value) -> String {
    json::string(text, value).map_or_else(String::new, Into::into)
}

/// Fields that only together with others say what is asked for.
#[derive(Default)]
struct Log {
    chat: bool,
    completion: Option<u64>,
    top: u64,
    prompt: Option<u64>,
    included: bool,
    /// A token limit of 0: only an echoed prompt needs no answer.
    zero: Option<&'static str>,
}

struct Reader<'a> {
    text: &'a str,
    endpoint: &'a Endpoint,
    log: Log,
    policy: &'a mut Policy,
}

type Read<T> = Result<T, ApiError>;

impl Reader<'_> {
    fn field(&mut self, field: Field, value: Value) -> Read<()> {
        if value.shape == Shape::Null {
            return Ok(());
        }
        let name = field.name();
        match field {
            Field::Model => self.policy.model = self.string(name, value)?,
            Field::User => self.policy.user = Some(self.string(name, value)?),
            Field::PreviousResponseId => {
                self.policy.previous_response_id = Some(self.string(name, value)?);
            }
            Field::Stream => self.policy.stream = boolean(name, value)?,
            Field::Store => self.policy.store = boolean(name, value)?,
            Field::Echo => self.policy.echo = boolean(name, value)?,
            Field::IncludeReasoning => self.policy.reasoning |= boolean(name, value)?,
            Field::MaxTokens
            | Field::MaxCompletionTokens
            | Field::MaxOutputTokens
            | Field::NPredict => {
                let most = self.integer(name, value)?;
                self.log.zero = self.log.zero.or((most == 0).then_some(name));
                self.policy.max_tokens = self.policy.max_tokens.max(Some(most));
            }
            Field::N => self.policy.n = self.positive(name, value)?,
            Field::BestOf => self.policy.best_of = Some(self.positive(name, value)?),
            Field::Logprobs if *self.endpoint == Endpoint::Completions => {
                self.log.completion = Some(self.integer(name, value)?);
            }
            Field::Logprobs => self.log.chat = boolean(name, value)?,
            Field::TopLogprobs | Field::NProbs => {
                self.log.top = self.log.top.max(self.integer(name, value)?);
            }
            Field::PromptLogprobs => self.log.prompt = Some(self.integer(name, value)?),
            Field::LogitBias => self.policy.logit_bias = self.filled(name, value)?,
            Field::Tools | Field::Functions => self.policy.tools |= self.filled(name, value)?,
            Field::StreamOptions => self.stream_options(value)?,
            Field::Reasoning | Field::Thinking => self.reasoning(name, value)?,
            Field::ReasoningEffort => {
                self.policy.reasoning |= self.string(name, value)? != "none";
            }
            Field::Include => self.include(value)?,
            Field::Metadata => self.metadata(value)?,
            Field::Prompt if *self.endpoint == Endpoint::Completions => {
                self.prompts(name, value)?;
            }
            Field::Input if *self.endpoint == Endpoint::Embeddings => self.prompts(name, value)?,
            Field::Prompt | Field::Input => {}
        }
        Ok(())
    }

    /// What follows from several fields together, and what must not be missing.
    fn settle(&mut self) -> Read<()> {
        if self.policy.model.is_empty() {
            return Err(missing("model", "the name of a model"));
        }
        if *self.endpoint == Endpoint::Messages && self.policy.max_tokens.is_none() {
            return Err(missing("max_tokens", "a positive integer"));
        }
        if let Some(name) = self.log.zero
            && !(self.policy.echo && *self.endpoint == Endpoint::Completions)
        {
            return Err(wrong_value(name, "an integer of at least 1"));
        }
        let log = &self.log;
        let asked = log.chat || log.included || log.top > 0 || log.completion.is_some();
        let top = log.top.max(log.completion.unwrap_or(0));
        self.policy.logprobs = asked.then_some(top);
        let echoed = self.policy.logprobs.filter(|_| self.policy.echo);
        self.policy.prompt_logprobs = log.prompt.max(echoed);
        Ok(())
    }

    fn slice(&self, value: Value) -> &str {
        &self.text[value.span.start..value.span.end]
    }

    fn string(&self, name: &'static str, value: Value) -> Read<String> {
        match value.shape {
            Shape::String { .. } => Ok(string(self.text, value)),
            _ => Err(wrong_type(name, "a string")),
        }
    }

    /// Readers differ on `1.0`, `1e2` and `"1"`; all agree on plain digits.
    fn integer(&self, name: &'static str, value: Value) -> Read<u64> {
        let number = match value.shape {
            Shape::Number { integer: true } => self.slice(value).parse::<u64>().ok(),
            Shape::Number { integer: false } => None,
            _ => return Err(wrong_type(name, "an integer, written with digits only")),
        };
        number
            .filter(|number| *number <= MAX_INTEGER)
            .ok_or_else(|| wrong_value(name, "an integer of at least 0, written with digits only"))
    }

    fn positive(&self, name: &'static str, value: Value) -> Read<u64> {
        match self.integer(name, value)? {
            0 => Err(wrong_value(name, "an integer of at least 1")),
            number => Ok(number),
        }
    }

    /// Whether a list or an object has anything in it.
    fn filled(&self, name: &'static str, value: Value) -> Read<bool> {
        match value.shape {
            Shape::Array { len, .. } => Ok(len > 0),
            Shape::Object => Ok(self.slice(value)[1..].trim_start() != "}"),
            _ => Err(wrong_type(name, "a list or an object")),
        }
    }

    /// The members of an inner object; it was checked with the whole body.
    fn inner(
        &self,
        name: &'static str,
        value: Value,
        mut each: impl FnMut(&str, Value, &str),
    ) -> Read<()> {
        if value.shape != Shape::Object {
            return Err(wrong_type(name, "an object"));
        }
        let text = self.slice(value);
        json::object(text, |key, member| each(key, member.value, text)).map_err(refuse)
    }

    fn stream_options(&mut self, value: Value) -> Read<()> {
        let mut asked = Ok(false);
        self.inner("stream_options", value, |key, value, _| {
            if key == "include_usage" && value.shape != Shape::Null {
                asked = boolean("stream_options.include_usage", value);
            }
        })?;
        self.policy.include_usage = asked?;
        Ok(())
    }

    /// `reasoning` of Responses (`summary`, `effort`) and routers, `thinking` of Messages.
    fn reasoning(&mut self, name: &'static str, value: Value) -> Read<()> {
        let (mut asked, mut off) = (false, false);
        self.inner(name, value, |key, value, text| match (key, value.shape) {
            (_, Shape::Null) => {}
            ("type" | "effort", Shape::String { .. }) => {
                let word = json::string(text, value);
                off |= matches!(word.as_deref(), Some("disabled" | "none"));
                asked = true;
            }
            ("enabled", Shape::Bool(false)) | ("exclude", Shape::Bool(true)) => off = true,
            _ => asked = true,
        })?;
        self.policy.reasoning |= asked && !off;
        Ok(())
    }

    fn include(&mut self, value: Value) -> Read<()> {
        let Shape::Array { len, items } = value.shape else {
            return Err(wrong_type("include", "a list of strings"));
        };
        if len > 0 && items != Some(Kind::String) {
            return Err(wrong_type("include", "a list of strings"));
        }
        let asked: Vec<String> = serde_json::from_str(self.slice(value))
            .map_err(|_| wrong_type("include", "a list of strings"))?;
        self.log.included |= asked.iter().any(|item| item == INCLUDE_LOGPROBS);
        self.policy.reasoning |= asked.iter().any(|item| item == INCLUDE_REASONING);
        Ok(())
    }

    fn metadata(&mut self, value: Value) -> Read<()> {
        if *self.endpoint != Endpoint::Messages {
            return Ok(());
        }
        let mut user = None;
        self.inner("metadata", value, |key, value, text| {
            if key == "user_id" && value.shape != Shape::Null {
                user = json::string(text, value).map(Into::into);
            }
        })?;
        self.policy.user = user;
        Ok(())
    }

    /// A text, a list of texts, a list of token ids, or a list of such lists.
    fn prompts(&mut self, name: &'static str, value: Value) -> Read<()> {
        const WHAT: &str = "a string, a list of strings, a list of token ids, or a list of these";
        self.policy.prompts = match value.shape {
            Shape::String { .. } => 1,
            Shape::Array {
                items: Some(Kind::Number),
                ..
            } => 1,
            Shape::Array {
                len,
                items: Some(Kind::String | Kind::Array),
            } => len,
            Shape::Array { len: 0, .. } => {
                return Err(wrong_value(name, "a list with something in it"));
            }
            // Embeddings of some servers take objects with images.
            Shape::Array {
                len,
                items: Some(Kind::Object),
            } if *self.endpoint == Endpoint::Embeddings => len,
            _ => return Err(wrong_type(name, WHAT)),
        };
        Ok(())
    }
}

/// The value of `include` that asks for log-probabilities.
pub(crate) const INCLUDE_LOGPROBS: &str = "message.output_text.logprobs";
/// The value of `include` that asks for sealed reasoning.
pub(crate) const INCLUDE_REASONING: &str = "reasoning.encrypted_content";

fn boolean(name: &'static str, value: Value) -> Read<bool> {
    match value.shape {
        Shape::Bool(flag) => Ok(flag),
        _ => Err(wrong_type(name, "true or false")),
    }
}

fn wrong_type(name: &'static str, expected: &str) -> ApiError {
    let message = format!("Invalid type for '{name}': expected {expected}.");
    ApiError::invalid(name, "invalid_type", message)
}

fn wrong_value(name: &'static str, expected: &str) -> ApiError {
    let message = format!("Invalid value for '{name}': expected {expected}.");
    ApiError::invalid(name, "invalid_value", message)
}

fn missing(name: &'static str, expected: &str) -> ApiError {
    let message = format!("Missing required parameter: '{name}', {expected}.");
    ApiError::invalid(name, "missing_required_parameter", message)
}
