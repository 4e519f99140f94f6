//! Which API a LiteLLM provider's prefix stands for, where that API is one that we speak.

use super::carried::UpstreamKind;

/// What a provider is to us.
pub(super) struct Provider {
    /// Its prefix in `model`, before the slash.
    pub(super) prefix: &'static str,
    /// Whose API it speaks.
    pub(super) kind: UpstreamKind,
    /// Its base URL; `None` where `api_base` has to say it.
    pub(super) base: Option<&'static str>,
    /// The environment variable that LiteLLM takes its key from by default.
    pub(super) key: Option<&'static str>,
}

const fn own(prefix: &'static str) -> Provider {
    Provider {
        prefix,
        kind: UpstreamKind::Openai,
        base: None,
        key: None,
    }
}

const fn openai(prefix: &'static str, base: &'static str, key: &'static str) -> Provider {
    Provider {
        prefix,
        kind: UpstreamKind::Openai,
        base: Some(base),
        key: Some(key),
    }
}

const PROVIDERS: [Provider; 18] = [
    openai("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    Provider {
        prefix: "anthropic",
        kind: UpstreamKind::Anthropic,
        base: Some("https://api.anthropic.com"),
        key: Some("ANTHROPIC_API_KEY"),
    },
    openai("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    openai("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    openai(
        "deepseek",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
    ),
    openai(
        "together_ai",
        "https://api.together.xyz/v1",
        "TOGETHERAI_API_KEY",
    ),
    openai(
        "openrouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
    ),
    openai(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_AI_API_KEY",
    ),
    openai("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    openai("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    own("hosted_vllm"),
    own("vllm"),
    own("openai_like"),
    own("lm_studio"),
    own("llamafile"),
    own("xinference"),
    own("litellm_proxy"),
    own("ollama_chat"),
];

/// The provider of a `model` such as `openai/gpt-4o`, and the model's own name there. A name
/// without a slash is OpenAI's own; another prefix is a provider that we do not speak to.
pub(super) fn provider(model: &str) -> Option<(&'static Provider, &str)> {
    let Some((prefix, name)) = model.split_once('/') else {
        return Some((&PROVIDERS[0], model));
    };
    let known = PROVIDERS.iter().find(|one| one.prefix == prefix)?;
    Some((known, name))
}
