//! What transformers gives to templates, and marks.

use super::mark::{insert, unused};
use super::*;
use crate::testing::{GgufWriter, tiny_gguf};
use crate::{Family, gguf::Value as HeaderValue};
use serde_json::json;

fn render(template: &str, chat: Chat) -> Result<String> {
    ChatTemplate::new(template, "<|im_start|>", "<|im_end|>")
        .unwrap()
        .render(&chat)
}

fn chat() -> Chat {
    Chat::new(&json!([{"role": "user", "content": " Hi "}])).unwrap()
}

#[test]
fn templates_have_pythons_methods_and_jinjas_white_space() {
    let template = "{% for m in messages %}\n  {% if m.role.startswith('u') %}\n{{ m.content.strip().upper() }}\n  {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}{{ bos_token }}{{ eos_token }}{% endif %}";
    assert_eq!(
        render(template, chat()).unwrap(),
        "HI\n<|im_start|><|im_end|>"
    );
    assert_eq!(
        render(template, chat().generation_prompt(false)).unwrap(),
        "HI\n"
    );
    let loops = "{% for m in [1, 2, 3, 4] %}{% if m == 2 %}{% continue %}{% endif %}{% if m == 4 %}{% break %}{% endif %}{{ m }}{% endfor %}";
    assert_eq!(render(loops, chat()).unwrap(), "13");
    let mapping = "{% for k, v in {'b': 1, 'a': 2}.items() %}{{ k }}{{ v }}{% endfor %}";
    assert_eq!(render(mapping, chat()).unwrap(), "b1a2");
}

#[derive(Serialize)]
struct Tool {
    z: &'static str,
    a: serde_json::Value,
    e: serde_json::Value,
}

#[test]
fn json_is_spelled_as_python_does() {
    // A struct keeps the order of its fields; serde_json's own map may sort its keys.
    let tools = [Tool {
        z: "ä<\"\n",
        a: json!([1, 2.5, null, true]),
        e: json!({}),
    }];
    let chat = chat().tools(&tools).unwrap();
    let got = render("{{ tools[0] | tojson }}", chat.clone()).unwrap();
    assert_eq!(
        got,
        r#"{"z": "ä<\"\n", "a": [1, 2.5, null, true], "e": {}}"#
    );
    let indented = render("{{ tools[0].a | tojson(indent=2) }}", chat).unwrap();
    assert_eq!(indented, "[\n  1,\n  2.5,\n  null,\n  true\n]");
}

#[test]
fn the_date_is_handed_in_or_not_there() {
    let template = "{% if strftime_now is defined %}{{ strftime_now('%d %b %B %Y-%m-%d 100%%') }}{% else %}none{% endif %}";
    assert_eq!(render(template, chat()).unwrap(), "none");
    let dated = chat().date(Date {
        year: 2026,
        month: 2,
        day: 3,
    });
    assert_eq!(
        render(template, dated.clone()).unwrap(),
        "03 Feb February 2026-02-03 100%"
    );
    let error = render("{{ strftime_now('%H') }}", dated).unwrap_err();
    assert!(error.to_string().contains("%H"), "{error}");
}

#[test]
fn a_template_without_end_is_stopped() {
    let template = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(matches!(render(template, chat()), Err(Error::Template(_))));
}

#[test]
fn marks_break_spellings_at_and_across_the_ends_of_strings() {
    let value = Value::from(Serde(json!({"a": ["<s>x", "y<s", "<", "ok"], "<s>": 1})));
    let got = insert(&value, '\u{fdd0}', &["<s>", "</s>"]);
    let want = json!({"a": ["<\u{fdd0}s>x", "y<\u{fdd0}s", "<\u{fdd0}", "ok"], "<\u{fdd0}s>": 1});
    assert_eq!(got, Value::from(Serde(want)));
}

#[test]
fn the_mark_is_none_that_a_message_holds() {
    let all: String = ('\u{fdd0}'..='\u{fdef}').collect();
    let value = |text: &str| Value::from(Serde(json!([{"content": text}])));
    assert_eq!(
        unused([&value("\u{fdd0}\u{fdd2}")].into_iter()),
        Some('\u{fdd1}')
    );
    assert_eq!(unused([&value(&all)].into_iter()), None);
}

#[test]
fn a_model_without_a_template_says_so() {
    let mut writer = GgufWriter::from_gguf(&tiny_gguf(Family::Llama, 1)).unwrap();
    writer.set(
        "tokenizer.chat_template",
        HeaderValue::String(String::new()),
    );
    let model = crate::Model::from_bytes(&writer.bytes(), &crate::Options::default()).unwrap();
    assert!(model.template().is_none());
    assert!(matches!(
        model.encode_chat(&chat()),
        Err(Error::Template(_))
    ));
}
