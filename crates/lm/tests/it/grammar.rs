//! Answers that must be JSON of a schema: whatever the model wants to say, what comes out parses
//! and is valid. Validity is checked by a validator of our own, so that the library does not judge
//! itself.

use crate::real_model::model;
use crate::schema::valid;
use lm::{
    Cache, Chat, Error, Finish, Grammar, Grammars, Limits, Model, Sampling, Step, Want, Writer,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

static TINY: LazyLock<Grammars> = LazyLock::new(|| Grammars::new(tiny().tokenizer()).unwrap());

fn tiny() -> &'static Model {
    static MODEL: LazyLock<Model> =
        LazyLock::new(|| lm::testing::tiny_model(lm::Family::Llama, 3).unwrap());
    &MODEL
}

/// Twenty schemas, each with what to ask for. Texts and lists are bounded: a small model does not
/// end them by itself.
fn schemas() -> Vec<(String, Value)> {
    serde_json::from_str(include_str!("schemas.json")).unwrap()
}

fn writer(model: &Model, sampling: Sampling, grammar: Grammar) -> Writer {
    let limits = Limits {
        max_tokens: 160,
        ..Limits::default()
    };
    let mut writer = Writer::new(Arc::clone(model.tokenizer()), sampling, limits).unwrap();
    writer.constrain(grammar);
    writer
}

/// Writes answers side by side, as a scheduler does.
fn answers(model: &Model, prompts: Vec<Vec<u32>>, writers: Vec<Writer>) -> Vec<(String, Finish)> {
    struct Going {
        number: usize,
        cache: Cache,
        writer: Writer,
        next: Vec<u32>,
    }
    let mut done = vec![(String::new(), None); prompts.len()];
    let all = prompts.into_iter().zip(writers).enumerate();
    let mut going: Vec<Going> = all
        .map(|(number, (next, writer))| Going {
            number,
            cache: model.cache(),
            writer,
            next,
        })
        .collect();
    while !going.is_empty() {
        let mut steps: Vec<Step<'_>> = going
            .iter_mut()
            .map(|g| Step {
                cache: &mut g.cache,
                tokens: &g.next,
                want: Want::logits(),
            })
            .collect();
        let outputs = model.forward(&mut steps).unwrap();
        for (g, output) in going.iter_mut().zip(outputs) {
            let piece = g.writer.push(&output.logits.unwrap());
            done[g.number].0.push_str(&piece.text);
            done[g.number].1 = piece.finish;
            g.next = vec![piece.choice.token];
        }
        going.retain(|g| done[g.number].1.is_none());
    }
    done.into_iter()
        .map(|(text, finish)| (text, finish.unwrap()))
        .collect()
}

fn check(schema: &Value, (text, finish): &(String, Finish)) {
    assert_eq!(*finish, Finish::End, "{schema}: {text}");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(valid(schema, schema, &value), "{schema}: {text}");
}

#[test]
fn the_real_model_answers_twenty_schemas() {
    let grammars = Grammars::new(model().tokenizer()).unwrap();
    let (mut prompts, mut writers) = (Vec::new(), Vec::new());
    let schemas = schemas();
    for (number, (ask, schema)) in (0..).zip(&schemas) {
        let said = json!([{"role": "user", "content": format!("{ask} Answer as JSON.")}]);
        let chat = Chat::new(&said).unwrap().generation_prompt(true);
        prompts.push(model().encode_chat(&chat).unwrap());
        let sampling = Sampling {
            temperature: if number % 2 == 0 { 0.0 } else { 1.0 },
            seed: number,
            ..Sampling::default()
        };
        let grammar = grammars.json_schema(&schema.to_string()).unwrap();
        writers.push(writer(model(), sampling, grammar));
    }
    assert_eq!(schemas.len(), 20);
    for ((_, schema), answer) in schemas.iter().zip(answers(model(), prompts, writers)) {
        check(schema, &answer);
    }
}

#[test]
fn even_noise_becomes_valid_json() {
    let (tiny, grammars) = (tiny(), &*TINY);
    for seed in 0..6 {
        let schemas = schemas();
        let sampling = Sampling {
            temperature: 1.5,
            seed,
            ..Sampling::default()
        };
        let grammar = |schema: &Value| grammars.json_schema(&schema.to_string()).unwrap();
        let writers = schemas
            .iter()
            .map(|(_, s)| writer(tiny, sampling.clone(), grammar(s)));
        let writers: Vec<Writer> = writers.collect();
        let prompts = vec![vec![5, 6, 7]; schemas.len()];
        for ((_, schema), answer) in schemas.iter().zip(answers(tiny, prompts, writers)) {
            check(schema, &answer);
        }
    }
}

#[test]
fn properties_come_in_the_order_of_the_schema() {
    let (tiny, grammars) = (tiny(), &*TINY);
    let schema = r#"{"type":"object","required":["z","a"],"additionalProperties":false,
        "properties":{"z":{"type":"boolean"},"a":{"type":"null"}}}"#;
    let grammar = grammars.json_schema(schema).unwrap();
    let writer = writer(tiny, Sampling::greedy(), grammar);
    let (text, _) = answers(tiny, vec![vec![5]], vec![writer]).remove(0);
    assert!(
        text.starts_with(r#"{"z": "#) && text.ends_with(r#", "a": null}"#),
        "{text}"
    );
}

#[test]
fn schemas_that_can_not_be_kept_are_refused_with_a_reason() {
    let grammars = &*TINY;
    let nested = format!("{}{{}}{}", r#"{"items":"#.repeat(100), "}".repeat(100));
    assert!(grammars.json_schema(&nested).is_ok());
    let deep = format!(
        "{}{{}}{}",
        r#"{"items":"#.repeat(10_000),
        "}".repeat(10_000)
    );
    let long = format!(r#"{{"title":"{}"}}"#, "a".repeat(1 << 20));
    for (schema, says) in [
        ("", "schema"),
        ("[1]", "not an object"),
        ("false", "not an object"),
        (r#"{"type":"wizard"}"#, "wizard"),
        (r#"{"not":{"type":"string"}}"#, "not"),
        (r#"{"type":"integer","minimum":3,"maximum":1}"#, ""),
        (r#"{"$ref":"https://example.com/schema.json"}"#, ""),
        (r##"{"$ref":"#/$defs/missing"}"##, ""),
        (r#"{"type":"string","pattern":"("}"#, ""),
        (&deep, "recursion"),
        (&long, "longer"),
    ] {
        let Err(error) = grammars.json_schema(schema) else {
            panic!("{}", &schema[..schema.len().min(200)]);
        };
        assert!(
            matches!(error, Error::Invalid(_)) && error.is_callers_fault(),
            "{error:?}"
        );
        let told = error.to_string();
        assert!(
            told.contains(says) && told.len() < 600 && !told.contains('\n'),
            "{told}"
        );
    }
}

/// Schemas that would take an exponential time or memory: each is refused, or ends the answer at a
/// limit, and either soon enough for a test.
#[test]
fn hostile_schemas_come_to_limits() {
    let (tiny, grammars) = (tiny(), &*TINY);
    let pattern = |p: &str| json!({"type": "string", "pattern": p});
    let many: Vec<String> = (0..5000).map(|i| format!("value{i}")).collect();
    for schema in [
        pattern("^(a|b)*a(a|b){40}$"),
        pattern("^((a*)*)*b$"),
        pattern("^(.{0,500}){0,500}$"),
        pattern("^(a|b|c){0,9999}(d|e){0,9999}$"),
        json!({"type": "string", "minLength": 1_000_000_000}),
        json!({"type": "array", "minItems": 1_000_000_000, "items": {"type": "null"}}),
        json!({"enum": many}),
        json!({"allOf": [pattern("^[a-z]*x"), pattern("y[a-z]*$"), pattern("^(ab)*")]}),
    ] {
        let Ok(grammar) = grammars.json_schema(&schema.to_string()) else {
            continue;
        };
        let writer = writer(tiny, Sampling::default(), grammar);
        let (text, finish) = answers(tiny, vec![vec![5]], vec![writer]).remove(0);
        // An answer that ended by itself is whole.
        if finish == Finish::End {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}

/// Any schema, sensible or not, of keywords that are known and one that is not.
fn any_schema() -> impl Strategy<Value = Value> {
    let small = || {
        prop_oneof![
            (-3i64..9).prop_map(Value::from),
            (-2.5..7.5f64).prop_map(Value::from)
        ]
    };
    let kinds = [
        "object", "array", "string", "integer", "number", "boolean", "null", "wizard",
    ];
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({})),
        Just(json!({"$ref": "#"})),
        prop::sample::select(kinds.to_vec()).prop_map(|kind| json!({"type": kind})),
        (small(), small())
            .prop_map(|(a, b)| json!({"type": "number", "minimum": a, "exclusiveMaximum": b})),
        (small(), small())
            .prop_map(|(a, b)| json!({"type": "integer", "multipleOf": a, "maximum": b})),
        (small(), small())
            .prop_map(|(a, b)| json!({"type": "string", "minLength": a, "maxLength": b})),
        "[a-c.*+?()\\[\\]{}|^$0-9,ä]{0,12}".prop_map(|p| json!({"type": "string", "pattern": p})),
        "[a-zä]{0,9}".prop_map(|f| json!({"type": "string", "format": f})),
        prop::collection::vec(small(), 0..3).prop_map(|all| json!({"enum": all})),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let many = || prop::collection::vec(inner.clone(), 0..4);
        let bag = prop::collection::btree_map("[a-cä\"]{0,3}", inner.clone(), 0..4);
        prop_oneof![
            many().prop_map(|all| json!({"anyOf": all})),
            many().prop_map(|all| json!({"oneOf": all})),
            many().prop_map(|all| json!({"allOf": all})),
            (many(), inner.clone(), small())
                .prop_map(|(first, rest, n)| json!({"type": "array", "prefixItems": first, "items": rest, "maxItems": n})),
            (bag, inner.clone(), many()).prop_map(|(bag, rest, needed)| {
                json!({"type": "object", "properties": bag, "additionalProperties": rest, "required": needed})
            }),
            inner.prop_map(|one| json!({"not": one})),
        ]
    })
}

fn cases() -> u32 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        20_000
    } else {
        64
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever a client sends as a schema, there is an answer or a reason, and an answer that
    /// ended by itself is JSON.
    #[test]
    fn any_schema_gives_json_or_a_reason(schema in any_schema(), seed: u64) {
        let grammars = &*TINY;
        let Ok(grammar) = grammars.json_schema(&schema.to_string()) else {
            return Ok(());
        };
        let tokenizer = tiny().tokenizer();
        let sampling = Sampling { seed, ..Sampling::default() };
        let limits = Limits { max_tokens: 60, ..Limits::default() };
        let mut writer = Writer::new(Arc::clone(tokenizer), sampling, limits).unwrap();
        writer.constrain(grammar);
        let logits = vec![0.0; tokenizer.vocabulary()];
        let mut text = String::new();
        loop {
            let piece = writer.push(&logits);
            text.push_str(&piece.text);
            match piece.finish {
                None => {}
                Some(Finish::End) => {
                    // Numbers may be greater than any that we read.
                    let read = serde_json::from_str::<serde::de::IgnoredAny>(&text);
                    prop_assert!(read.is_ok(), "{schema}: {text}");
                    break;
                }
                Some(_) => break,
            }
        }
    }
}
