//! What a schema becomes, and what comes back.

use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["account", "tier", "teachers"],
        "properties": {
            "account": { "type": "string", "description": "The account's id." },
            "tier": { "description": "How much.", "oneOf": [
                { "const": "text", "description": "Answers as text." },
                { "const": "judge", "type": "string" },
            ]},
            "teachers": { "type": "array", "items": { "type": "string" } },
            "limits": { "type": "object", "properties": {
                "requests_per_minute": { "type": ["integer", "null"], "description": "Requests a minute." },
            }},
            "spend": { "anyOf": [
                { "type": "object", "required": ["dollars"], "properties": {
                    "dollars": { "type": "string" },
                    "period": { "type": "string", "enum": ["day", "month"], "default": "month" },
                }},
                { "type": "null" },
            ]},
            "on": { "type": ["boolean", "null"] },
            "no_spend": { "type": "boolean", "default": false },
            "why": { "type": "string", "default": "" },
        },
    })
}

fn form() -> Form {
    Form::from_schema(&schema(), &["account", "teachers", "tier"])
}

fn shown(form: &Form, typed: &Pairs, faults: &[Fault]) -> String {
    let look = Look {
        action: "",
        csrf: "token",
        button: "Go",
        is_final: false,
        back: "/",
        typed,
        faults,
    };
    form.show(&look).into_string()
}

#[test]
fn every_field_is_shown_in_order() {
    let html = shown(&form(), &Pairs::default(), &[]);
    let names = [
        "account",
        "teachers",
        "tier",
        "limits.requests_per_minute",
        "spend.dollars",
        "spend.period",
        "on",
        "no_spend",
        "why",
    ];
    for name in names {
        assert!(
            html.contains(&format!(r#"name="{name}""#)),
            "{name}: {html}"
        );
    }
    let place = |name: &str| html.find(&format!(r#"name="{name}""#));
    assert!(place("account") < place("teachers") && place("teachers") < place("tier"));
    assert!(html.contains("Text: Answers as text."), "{html}");
    assert!(
        html.contains(r#"<option value="month" selected>"#),
        "{html}"
    );
}

#[test]
fn what_is_typed_becomes_the_input() {
    let typed = Pairs::read(
        "account=a&tier=judge&teachers=one%0D%0A+two+%0A&limits.requests_per_minute=1,000&spend.dollars=&spend.period=month&on=false&why=+x+",
    );
    let input = form().read(&typed).unwrap();
    let expected = json!({
        "account": "a", "tier": "judge", "teachers": ["one", "two"],
        "limits": { "requests_per_minute": 1000 }, "on": false, "why": "x",
    });
    assert_eq!(input, expected);
    let typed = Pairs::read(
        "account=a&tier=text&teachers=m&spend.dollars=1.50&spend.period=day&no_spend=true",
    );
    let input = form().read(&typed).unwrap();
    assert_eq!(
        input["spend"],
        json!({ "dollars": "1.50", "period": "day" })
    );
    assert_eq!(input["no_spend"], json!(true));
}

#[test]
fn faults_stand_at_their_field_and_what_was_typed_is_kept() {
    let typed = Pairs::read("account=%3Cscript%3E&limits.requests_per_minute=many&tier=text");
    let faults = form().read(&typed).unwrap_err();
    let names: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(names, ["teachers", "limits.requests_per_minute"]);
    let html = shown(&form(), &typed, &faults);
    assert!(
        html.contains(r#"value="&lt;script&gt;""#) && !html.contains("<script>"),
        "{html}"
    );
    assert!(
        html.contains(r#"value="many" autocomplete="off" aria-invalid="true""#),
        "{html}"
    );
    assert!(html.contains("Write a whole number, such as 60."), "{html}");
}

#[test]
fn what_is_settled_can_not_be_typed_over() {
    let form = form()
        .fixed("account", "mine")
        .choices("teachers", vec![("m".into(), "M".into())]);
    let typed = Pairs::read("account=other&teachers=m&teachers=n&tier=text");
    assert_eq!(form.read(&typed).unwrap()["account"], "mine");
    let html = shown(&form, &typed, &[]);
    assert!(
        html.contains(r#"type="hidden" name="account" value="mine""#),
        "{html}"
    );
    assert!(
        html.contains(r#"type="checkbox" name="teachers" value="m" checked"#),
        "{html}"
    );
}
