//! Text to take along: identifiers, secrets and command lines, with a button that copies them
//! where script runs. Without script the text can be selected as any other.

use maud::{Markup, html};

/// A button that copies `text`.
pub(crate) fn copy(text: &str, what: &str) -> Markup {
    html! {
        button type="button" class="copy tight" data-copy=(text) aria-label={ "Copy " (what) } { "Copy" }
    }
}

/// A block of lines.
pub(crate) fn block(text: &str, what: &str) -> Markup {
    html! {
        div class="code" { pre tabindex="0" role="group" aria-label=(what) { code { (text) } } (copy(text, what)) }
    }
}

/// One long line, broken where it must be.
pub(crate) fn line(text: &str, what: &str) -> Markup {
    html! { div class="code one" { pre { code { (text) } } (copy(text, what)) } }
}

/// An identifier in running text.
pub(crate) fn id(text: &str, what: &str) -> Markup {
    html! { span class="id" { (text) button type="button" class="copy plain" data-copy=(text) aria-label={ "Copy " (what) } { "Copy" } } }
}

/// The command line that asks a model, with a key in it.
pub(crate) fn curl(base_url: &str, secret: &str, model: &str) -> String {
    let model = serde_json::Value::from(model);
    let body = format!(
        r#"{{"model": {model}, "messages": [{{"role": "user", "content": "Say hello."}}]}}"#
    );
    // In single quotes a shell takes all but a single quote as it is.
    let quoted = |text: &str| text.replace('\'', r"'\''");
    format!(
        "curl '{}/chat/completions' \\\n  -H 'Authorization: Bearer {}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
        quoted(base_url),
        quoted(secret),
        quoted(&body)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_keeps_its_quotes() {
        let line = curl("http://h/v1", "sk-sh-a", "o'model");
        assert!(line.contains(r#""model": "o'\''model""#), "{line}");
        assert!(
            block("<script>", "x")
                .into_string()
                .contains("&lt;script&gt;")
        );
    }
}
