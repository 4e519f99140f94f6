//! The names of the fields that policy looks at, on whichever endpoint.

use record::Capability;

/// A field at the top of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    /// llama.cpp's own name, which it prefers to `max_tokens`.
    NPredict,
    N,
    BestOf,
    Logprobs,
    TopLogprobs,
    PromptLogprobs,
    /// llama.cpp's own name of `top_logprobs`.
    NProbs,
    Echo,
    LogitBias,
    Store,
    Reasoning,
    ReasoningEffort,
    IncludeReasoning,
    Thinking,
    Include,
    User,
    Metadata,
    PreviousResponseId,
    Prompt,
    Input,
    Tools,
    Functions,
}

/// Every field, for the search by name.
const FIELDS: [Field; 28] = [
    Field::Model,
    Field::Stream,
    Field::StreamOptions,
    Field::MaxTokens,
    Field::MaxCompletionTokens,
    Field::MaxOutputTokens,
    Field::NPredict,
    Field::N,
    Field::BestOf,
    Field::Logprobs,
    Field::TopLogprobs,
    Field::PromptLogprobs,
    Field::NProbs,
    Field::Echo,
    Field::LogitBias,
    Field::Store,
    Field::Reasoning,
    Field::ReasoningEffort,
    Field::IncludeReasoning,
    Field::Thinking,
    Field::Include,
    Field::User,
    Field::Metadata,
    Field::PreviousResponseId,
    Field::Prompt,
    Field::Input,
    Field::Tools,
    Field::Functions,
];

impl Field {
    /// Its name in the body.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::NPredict => "n_predict",
            Self::N => "n",
            Self::BestOf => "best_of",
            Self::Logprobs => "logprobs",
            Self::TopLogprobs => "top_logprobs",
            Self::PromptLogprobs => "prompt_logprobs",
            Self::NProbs => "n_probs",
            Self::Echo => "echo",
            Self::LogitBias => "logit_bias",
            Self::Store => "store",
            Self::Reasoning => "reasoning",
            Self::ReasoningEffort => "reasoning_effort",
            Self::IncludeReasoning => "include_reasoning",
            Self::Thinking => "thinking",
            Self::Include => "include",
            Self::User => "user",
            Self::Metadata => "metadata",
            Self::PreviousResponseId => "previous_response_id",
            Self::Prompt => "prompt",
            Self::Input => "input",
            Self::Tools => "tools",
            Self::Functions => "functions",
        }
    }

    /// The field of exactly this name.
    #[inline]
    pub(crate) fn named(key: &str) -> Option<Self> {
        FIELDS.into_iter().find(|field| field.name() == key)
    }

    /// The field that a careless reader would take this key for: some servers (Go's among them)
    /// read names without regard to case, so that `Max_Tokens` could undo our `max_tokens`.
    pub(crate) fn misspelt(key: &str) -> Option<Self> {
        if key
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
        {
            return None;
        }
        let folded: String = key
            .chars()
            .map(|letter| match letter {
                'ſ' => 's',
                '\u{212a}' => 'k',
                letter => letter.to_ascii_lowercase(),
            })
            .collect();
        Self::named(&folded)
    }

    /// Whether it bounds the answer's tokens.
    pub(crate) const fn is_token_limit(self) -> bool {
        matches!(
            self,
            Self::MaxTokens | Self::MaxCompletionTokens | Self::MaxOutputTokens | Self::NPredict
        )
    }

    /// The capability that this field asks for, if it is one that can be taken out whole.
    pub(crate) const fn capability(self) -> Option<Capability> {
        match self {
            Self::Logprobs | Self::TopLogprobs | Self::NProbs => Some(Capability::LogProbabilities),
            Self::PromptLogprobs => Some(Capability::PromptLogProbabilities),
            Self::N | Self::BestOf => Some(Capability::ManyAnswers),
            Self::LogitBias => Some(Capability::LogitBias),
            Self::Reasoning | Self::ReasoningEffort | Self::IncludeReasoning | Self::Thinking => {
                Some(Capability::Reasoning)
            }
            _ => None,
        }
    }
}
