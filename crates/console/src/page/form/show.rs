//! A form as HTML: what was typed is kept, and what is wrong stands at its field.

use maud::{Markup, html};

use super::{Choice, Fault, Field, Form, Shape};
use crate::page::query::Pairs;

/// How a form is sent and what it shows beside its fields.
pub(crate) struct Look<'a> {
    /// Where it is sent; empty: where it was shown.
    pub(crate) action: &'a str,
    /// The session's token.
    pub(crate) csrf: &'a str,
    /// The button.
    pub(crate) button: &'a str,
    /// Whether it can't be taken back.
    pub(crate) is_final: bool,
    /// Where to go without sending it.
    pub(crate) back: &'a str,
    /// What was typed; at first what the address says.
    pub(crate) typed: &'a Pairs,
    /// What is wrong with that.
    pub(crate) faults: &'a [Fault],
}

impl Form {
    /// The form.
    pub(crate) fn show(&self, look: &Look<'_>) -> Markup {
        let action = (!look.action.is_empty()).then_some(look.action);
        html! {
            form class="form" method="post" action=[action] novalidate {
                input type="hidden" name="csrf" value=(look.csrf);
                @for field in &self.fields { (self.field(field, look, true)) }
                div class="send" {
                    button class=(if look.is_final { "danger final" } else { "main-act" }) { (look.button) }
                    @if !look.back.is_empty() { a class="button" href=(look.back) { "Cancel" } }
                }
            }
        }
    }

    fn field(&self, field: &Field, look: &Look<'_>, is_outer: bool) -> Markup {
        if let Some(value) = self.fixed.get(&field.name) {
            return html! { input type="hidden" name=(field.name) value=(value); };
        }
        if let Some(value) = self.seen.get(&field.name) {
            let value = look.typed.get(&field.name).unwrap_or(value);
            return html! { input type="hidden" name=(field.name) value=(value); };
        }
        match &field.shape {
            Shape::Group(inner) => html! {
                fieldset {
                    legend { (field.label) @if is_outer && !field.is_needed { (optional()) } }
                    @if !field.help.is_empty() { p class="help muted small" { (prose(&field.help)) } }
                    div class="group" { @for field in inner { (self.field(field, look, false)) } }
                }
            },
            Shape::Choices(choices) => self.ticks(field, choices, look),
            _ => self.single(field, look, is_outer),
        }
    }

    fn single(&self, field: &Field, look: &Look<'_>, is_outer: bool) -> Markup {
        let id = id(&field.name);
        let is_tick = field.shape == Shape::Tick;
        html! {
            div class=(if is_tick { "field tick" } else { "field" }) {
                @if is_tick { (self.control(field, &id, look)) }
                label for=(id) {
                    (field.label)
                    @if is_outer && !field.is_needed && !is_tick { (optional()) }
                }
                @if !is_tick { (self.control(field, &id, look)) }
                (self.below(field, &id, look))
            }
        }
    }

    /// Help, what holds now, and what is wrong, each tied to its control.
    fn below(&self, field: &Field, id: &str, look: &Look<'_>) -> Markup {
        html! {
            @if let Some(fault) = fault(look, &field.name) { p class="fault" id={ (id) "-f" } { (super::super::part::note::sentence(&fault.message)) } }
            @if self.has_help(field) {
                p class="help" id={ (id) "-h" } {
                    (prose(&field.help))
                    @if let Some(now) = self.now.get(&field.name) { " Now: " strong { (now) } "." }
                }
            }
        }
    }

    fn has_help(&self, field: &Field) -> bool {
        !field.help.is_empty() || self.now.contains_key(&field.name)
    }

    fn control(&self, field: &Field, id: &str, look: &Look<'_>) -> Markup {
        let name = &field.name;
        let is_bad = fault(look, name).is_some();
        let help = self.has_help(field).then(|| format!("{id}-h "));
        let described = format!(
            "{}{}",
            help.unwrap_or_default(),
            if is_bad {
                format!("{id}-f")
            } else {
                String::new()
            }
        );
        let described = (!described.is_empty()).then(|| described.trim_end().to_owned());
        let value = self.value(field, look);
        let invalid = is_bad.then_some("true");
        let needed = field.is_needed.then_some("true");
        match &field.shape {
            Shape::Tick => html! {
                input type="checkbox" id=(id) name=(name) value="true" checked[value == "true"] aria-invalid=[invalid] aria-describedby=[described];
            },
            Shape::Choice(choices) | Shape::Pick(choices) => html! {
                select id=(id) name=(name) aria-invalid=[invalid] aria-describedby=[described] aria-required=[needed] {
                    (options(choices, &value, field))
                }
            },
            Shape::Maybe => html! {
                select id=(id) name=(name) aria-invalid=[invalid] aria-describedby=[described] {
                    @for (option, words) in [("", "Nothing chosen"), ("true", "Yes"), ("false", "No")] {
                        option value=(option) selected[value == option] { (words) }
                    }
                }
            },
            Shape::Whole => html! {
                input type="text" inputmode="numeric" id=(id) name=(name) value=(value) autocomplete="off" aria-invalid=[invalid] aria-describedby=[described] aria-required=[needed];
            },
            _ if field.shape == Shape::Texts || self.long.contains(name) => html! {
                textarea class="mono" id=(id) name=(name) rows="6" spellcheck="false" aria-invalid=[invalid] aria-describedby=[described] aria-required=[needed] { (value) }
            },
            _ => html! {
                input type="text" id=(id) name=(name) value=(value) autocomplete="off" aria-invalid=[invalid] aria-describedby=[described] aria-required=[needed];
            },
        }
    }

    /// What was typed, else what it holds at first, else its default.
    fn value(&self, field: &Field, look: &Look<'_>) -> String {
        if look.typed.iter().any(|(name, _)| name == field.name) {
            return look
                .typed
                .all(&field.name)
                .next()
                .unwrap_or_default()
                .to_owned();
        }
        // A tick that was taken out is not sent at all.
        let is_sent = !look.faults.is_empty() && field.shape == Shape::Tick;
        let first = self.first.get(&field.name).or(field.default.as_ref());
        first.filter(|_| !is_sent).cloned().unwrap_or_default()
    }

    fn ticks(&self, field: &Field, choices: &[Choice], look: &Look<'_>) -> Markup {
        let id = id(&field.name);
        let first = self.first.get(&field.name);
        let first: Vec<&str> = first.map(|text| text.lines().collect()).unwrap_or_default();
        let is_typed = look.typed.get(&field.name).is_some() || !look.faults.is_empty();
        let chosen: Vec<&str> = if is_typed {
            look.typed.all(&field.name).collect()
        } else {
            first
        };
        html! {
            div class="field" role="group" aria-labelledby={ (id) "-l" } {
                span id={ (id) "-l" } { strong { (field.label) } @if !field.is_needed { (optional()) } }
                div class="ticks" {
                    @for (value, words) in choices {
                        label { input type="checkbox" name=(field.name) value=(value) checked[chosen.contains(&value.as_str())]; (words) }
                    }
                }
                (self.below(field, &id, look))
            }
        }
    }
}

fn options(choices: &[Choice], value: &str, field: &Field) -> Markup {
    let is_known = choices.iter().any(|(known, _)| known == value);
    html! {
        @if !is_known || !field.is_needed && field.default.is_none() {
            option value="" selected[!is_known] { (if field.is_needed { "Choose one" } else { "Nothing chosen" }) }
        }
        @for (known, words) in choices { option value=(known) selected[known == value] { (words) } }
    }
}

/// Documentation as a reader sees it: what stands between backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn optional() -> Markup {
    html! { span class="opt" { "optional" } }
}

fn fault<'a>(look: &Look<'a>, name: &str) -> Option<&'a Fault> {
    look.faults.iter().find(|fault| fault.field == name)
}

fn id(name: &str) -> String {
    format!("f-{}", name.replace('.', "-"))
}
