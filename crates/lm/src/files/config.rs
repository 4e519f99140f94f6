//! `config.json` of transformers: a model's shape, read and written. A field that is not known here
//! is refused by name: it could change the mathematics.

use crate::json::Fields;
use crate::model::{MOST_CONTEXT, MOST_HEADS, MOST_LAYERS, MOST_VOCABULARY, MOST_WIDTH};
use crate::{Config, Error, Family, HeadCounts, Result};
use serde_json::{Value, json};

const FILE: &str = "config.json";

/// Fields that say nothing about the mathematics of a forward pass: names, versions, storage,
/// training, and how transformers samples where it is asked to.
const HARMLESS: [&str; 36] = [
    "architectures",
    "model_type",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "use_cache",
    "initializer_range",
    "attention_dropout",
    "bos_token_id",
    "pad_token_id",
    "pretraining_tp",
    "max_window_layers",
    "is_llama_config",
    "rope_interleaved",
    "transformers.js_config",
    "task_specific_params",
    "problem_type",
    "id2label",
    "label2id",
    "return_dict",
    "torchscript",
    "output_attentions",
    "output_hidden_states",
    "use_bfloat16",
    "finetuning_task",
    "tokenizer_class",
    "prefix",
    "sep_token_id",
    "decoder_start_token_id",
    "chunk_size_feed_forward",
    "unsloth_version",
    "unsloth_fixed",
    "name_or_path",
    "ignore_keys_at_rope_validation",
    "layer_norm_eps",
    "auto_map",
];

/// What a config.json says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) config: Config,
    /// Ids that end an answer.
    pub(super) ends: Vec<u32>,
}

/// Reads the text of a config.json.
///
/// # Errors
/// [`Error::Unsupported`] names what is not known, [`Error::Malformed`] what is missing or
/// contradicts itself.
pub(super) fn parse(text: &[u8]) -> Result<ConfigFile> {
    let mut fields = Fields::parse(FILE, text)?;
    let family = family(&mut fields)?;
    harmless_values(&mut fields, family)?;
    let width = need(&mut fields, "hidden_size", MOST_WIDTH)?;
    let heads = heads(&mut fields, width)?;
    let rope_base = rope_base(&mut fields)?;
    let tied: Option<bool> = fields.read("tie_word_embeddings")?;
    let epsilon = fields.positive("rms_norm_eps")?;
    let config = Config {
        family,
        name: None,
        layers: need(&mut fields, "num_hidden_layers", MOST_LAYERS)?,
        width,
        feed_width: need(&mut fields, "intermediate_size", MOST_WIDTH)?,
        heads,
        vocabulary: need(&mut fields, "vocab_size", MOST_VOCABULARY)?,
        context: need(&mut fields, "max_position_embeddings", MOST_CONTEXT)?,
        epsilon: epsilon.ok_or_else(|| fields.missing("rms_norm_eps"))?,
        rope_base,
        tied: tied.unwrap_or(false),
    };
    let ends = ids(fields.take("eos_token_id").as_ref())?;
    fields.ignore(&HARMLESS);
    fields.finish()?;
    Ok(ConfigFile { config, ends })
}

fn need(fields: &mut Fields<'_>, name: &str, most: usize) -> Result<usize> {
    let count = fields.count(name, most)?;
    count.ok_or_else(|| fields.missing(name))
}

fn family(fields: &mut Fields<'_>) -> Result<Family> {
    let architectures: Option<Vec<String>> = fields.read("architectures")?;
    let kind: Option<String> = fields.read("model_type")?;
    let named = match architectures.as_deref() {
        Some([one]) => one.as_str(),
        Some(other) => {
            return Err(Error::Unsupported(format!("architectures {other:?}")));
        }
        None => match kind.as_deref() {
            Some("llama") => "LlamaForCausalLM",
            Some("qwen2") => "Qwen2ForCausalLM",
            Some(other) => return Err(Error::Unsupported(format!("model_type {other:?}"))),
            None => return Err(fields.missing("architectures")),
        },
    };
    let family = match named {
        "LlamaForCausalLM" => Family::Llama,
        "Qwen2ForCausalLM" => Family::Qwen2,
        other => return Err(Error::Unsupported(format!("architecture {other:?}"))),
    };
    match (family, kind.as_deref()) {
        (_, None) | (Family::Llama, Some("llama")) | (Family::Qwen2, Some("qwen2")) => Ok(family),
        (_, Some(kind)) => Err(Error::Malformed(format!(
            "{FILE}: model_type {kind:?} of architecture {named:?}"
        ))),
    }
}

/// Fields that change the mathematics unless they have these values.
fn harmless_values(fields: &mut Fields<'_>, family: Family) -> Result<()> {
    fields.only("hidden_act", &[json!("silu")])?;
    fields.only("mlp_bias", &[json!(false)])?;
    fields.only("attention_bias", &[json!(family == Family::Qwen2)])?;
    fields.only("rope_scaling", &[])?;
    fields.only("partial_rotary_factor", &[json!(1), json!(1.0)])?;
    fields.only("use_sliding_window", &[json!(false)])?;
    fields.only("quantization_config", &[])?;
    fields.only("is_decoder", &[json!(true), json!(false)])?;
    fields.only("is_encoder_decoder", &[json!(false)])?;
    fields.only("add_cross_attention", &[json!(false)])?;
    if family == Family::Qwen2 {
        // A width alone: no layer uses it, as `use_sliding_window` and `layer_types` say.
        fields.ignore(&["sliding_window"]);
    } else {
        fields.only("sliding_window", &[])?;
    }
    let kinds: Option<Vec<String>> = fields.read("layer_types")?;
    match kinds.into_iter().flatten().find(|k| k != "full_attention") {
        Some(kind) => Err(Error::Unsupported(format!(
            "{FILE}: layer_types has {kind:?}"
        ))),
        None => Ok(()),
    }
}

fn heads(fields: &mut Fields<'_>, width: usize) -> Result<HeadCounts> {
    let query = need(fields, "num_attention_heads", MOST_HEADS)?;
    let key_value = fields.count("num_key_value_heads", MOST_HEADS)?;
    let head = fields.count("head_dim", MOST_WIDTH)?;
    let heads = HeadCounts {
        query,
        key_value: key_value.unwrap_or(query),
        width: head.unwrap_or(width / query),
    };
    if head.is_none() && !width.is_multiple_of(query) {
        return Err(Error::Malformed(format!(
            "{query} heads do not divide width {width}"
        )));
    }
    heads.check()?;
    Ok(heads)
}

/// The base of the rotary frequencies: at the top, or among transformers 5's `rope_parameters`.
fn rope_base(fields: &mut Fields<'_>) -> Result<f32> {
    let top = fields.positive("rope_theta")?;
    let Some(parameters) = fields.take("rope_parameters") else {
        return Ok(top.unwrap_or(1e4));
    };
    let text = parameters.to_string();
    let mut inner = Fields::parse("config.json: rope_parameters", text.as_bytes())?;
    for name in ["rope_type", "type"] {
        inner.only(name, &[json!("default")])?;
    }
    inner.only("partial_rotary_factor", &[json!(1), json!(1.0)])?;
    let base = inner.positive("rope_theta")?;
    inner.finish()?;
    match (top, base) {
        (Some(a), Some(b)) if a != b => Err(Error::Malformed(format!(
            "{FILE}: rope_theta is {a} and {b}"
        ))),
        (top, base) => Ok(base.or(top).unwrap_or(1e4)),
    }
}

/// One id or several.
pub(super) fn ids(value: Option<&Value>) -> Result<Vec<u32>> {
    let wrong = || Error::Malformed("eos_token_id is no id".into());
    let one = |value: &Value| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(wrong)
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => all.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}

/// The contents of a config.json for a model in f32.
pub(super) fn to_json(
    config: &Config,
    begin: Option<u32>,
    ends: &[u32],
    padding: Option<u32>,
) -> Value {
    let (architecture, kind) = match config.family {
        Family::Llama => ("LlamaForCausalLM", "llama"),
        Family::Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
    };
    let ends = match ends {
        [] => Value::Null,
        [one] => json!(one),
        all => json!(all),
    };
    let mut out = json!({
        "architectures": [architecture],
        "model_type": kind,
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "hidden_size": config.width,
        "intermediate_size": config.feed_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads.query,
        "num_key_value_heads": config.heads.key_value,
        "head_dim": config.heads.width,
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.context,
        "rms_norm_eps": short(config.epsilon),
        "rope_theta": short(config.rope_base),
        "tie_word_embeddings": config.tied,
        "attention_dropout": 0.0,
        "use_cache": true,
        "bos_token_id": begin,
        "eos_token_id": ends,
        "pad_token_id": padding,
    });
    match config.family {
        Family::Llama => {
            out["attention_bias"] = json!(false);
            out["mlp_bias"] = json!(false);
        }
        Family::Qwen2 => out["use_sliding_window"] = json!(false),
    }
    out
}

/// The shortest decimal that is this f32, as people wrote it: 1e-5 and not 9.999999747378752e-6.
fn short(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
