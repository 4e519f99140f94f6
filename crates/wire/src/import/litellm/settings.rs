//! What was read, as Stillhouse's settings file has it. Only names and numbers are written; a
//! secret is named by its environment variable.

use std::fmt::Write;

use super::carried::{Config, UpstreamKind};

/// The settings file's `[upstreams]` and `[models]`.
pub fn to_toml(config: &Config) -> String {
    let mut out = String::new();
    for upstream in &config.upstreams {
        let kind = match upstream.kind {
            UpstreamKind::Openai => "openai",
            UpstreamKind::Anthropic => "anthropic",
        };
        let servers: Vec<String> = upstream.servers.iter().map(|one| quoted(one)).collect();
        head(&mut out, "upstreams", &upstream.name);
        line(&mut out, "kind", &quoted(kind));
        line(&mut out, "servers", &format!("[{}]", servers.join(", ")));
        if let Some(variable) = &upstream.secret_env {
            line(
                &mut out,
                "secret",
                &format!("{{ env = {} }}", quoted(variable)),
            );
        }
        if let Some(retries) = config.retries {
            line(&mut out, "retries", &retries.min(100).to_string());
        }
        if let Some(millis) = config.first_byte_timeout_ms {
            line(&mut out, "first_byte_timeout_ms", &millis.to_string());
        }
    }
    for model in &config.models {
        head(&mut out, "models", &model.name);
        line(&mut out, "upstream", &quoted(&model.upstream));
        if model.upstream_model != model.name {
            line(&mut out, "upstream_model", &quoted(&model.upstream_model));
        }
        let tokens = [
            ("context_tokens", model.context_tokens),
            ("max_output_tokens", model.max_output_tokens),
        ];
        for (key, value) in tokens {
            if let Some(value) = value {
                line(&mut out, key, &value.to_string());
            }
        }
        let prices = &model.prices;
        for (kind, price) in [
            ("input", &prices.input),
            ("cached_input", &prices.cached_input),
            ("output", &prices.output),
            ("reasoning", &prices.reasoning),
        ] {
            if let Some(price) = price {
                line(
                    &mut out,
                    &format!("{kind}_dollars_per_million_tokens"),
                    price,
                );
            }
        }
    }
    out
}

/// The settings file's `[plans]` for sets of models, each with the plan's name.
pub fn plans_as_toml<'a>(plans: impl IntoIterator<Item = (&'a str, &'a [String])>) -> String {
    let mut out = String::new();
    for (name, models) in plans {
        head(&mut out, "plans", name);
        let models: Vec<String> = models.iter().map(|model| quoted(model)).collect();
        line(&mut out, "models", &format!("[{}]", models.join(", ")));
    }
    out
}

fn head(out: &mut String, section: &str, name: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let bare = !name.is_empty() && name.chars().all(letter);
    let name = if bare { name.to_owned() } else { quoted(name) };
    // Writing to a string can't fail.
    let _ = writeln!(out, "[{section}.{name}]");
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {value}");
}

/// A text as TOML's basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
