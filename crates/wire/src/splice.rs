//! The closed list of edits to a request's body, made on its bytes: whatever is not named by a
//! splice stays as it was, byte for byte. No other code changes a body that is passed on.

use std::borrow::Cow;

use bytes::Bytes;
use record::{Capability, Edit};

use crate::json::{self, Member, Shape, Span};
use crate::policy::{Field, INCLUDE_LOGPROBS, INCLUDE_REASONING, Policy};

/// One edit that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splice<'a> {
    /// The upstream's own name in place of the model's.
    ModelName(&'a str),
    /// `stream_options.include_usage` is made `true`, where the endpoint has it and the answer
    /// is streamed.
    IncludeUsage,
    /// No token limit above this one: larger ones are lowered, a missing one is added under the
    /// endpoint's own name (`max_completion_tokens` of chat).
    MaxTokens(u64),
    /// The fields that ask for this capability are taken out (a measure of the guard).
    Without(Capability),
}

/// Bytes of the body and what stands in their place.
struct Cut {
    span: Span,
    text: Cow<'static, str>,
}

/// The body with these edits, and which of them changed something. Without a change the body
/// is returned as it is, not copied.
pub fn apply(policy: &Policy, splices: &[Splice<'_>]) -> (Bytes, Vec<Edit>) {
    let mut cuts = Vec::new();
    let mut edits = Vec::new();
    let mut removed = Vec::new();
    for splice in splices {
        let before = (cuts.len(), removed.len());
        let edit = match *splice {
            Splice::ModelName(name) => {
                model_name(policy, name, &mut cuts);
                Edit::ModelName
            }
            Splice::IncludeUsage => {
                include_usage(policy, &mut cuts);
                Edit::IncludeUsage
            }
            Splice::MaxTokens(cap) => {
                max_tokens(policy, cap, &mut cuts);
                Edit::MaxTokens
            }
            Splice::Without(capability) => {
                without(policy, capability, &mut removed, &mut cuts);
                Edit::Capability
            }
        };
        if (cuts.len(), removed.len()) != before && !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    if edits.is_empty() {
        return (policy.body().clone(), edits);
    }
    remove(policy.body(), removed, &mut cuts);
    (assemble(policy.body(), cuts), edits)
}

fn assemble(body: &[u8], mut cuts: Vec<Cut>) -> Bytes {
    // Stable: insertions at the same place keep the order of their splices.
    cuts.sort_by_key(|cut| cut.span.start);
    let added: usize = cuts.iter().map(|cut| cut.text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut done = 0;
    for cut in cuts {
        // The same splice given twice.
        if cut.span.start < done {
            continue;
        }
        out.extend_from_slice(&body[done..cut.span.start]);
        out.extend_from_slice(cut.text.as_bytes());
        done = cut.span.end;
    }
    out.extend_from_slice(&body[done..]);
    out.into()
}

fn replace(cuts: &mut Vec<Cut>, span: Span, text: impl Into<Cow<'static, str>>) {
    let text = text.into();
    cuts.push(Cut { span, text });
}

/// A new first member. The object has others, as every policy-checked body names its model.
fn insert(policy: &Policy, cuts: &mut Vec<Cut>, text: String) {
    let brace = policy.body().iter().position(|byte| *byte == b'{');
    let start = brace.map_or(0, |brace| brace + 1);
    replace(cuts, Span { start, end: start }, text);
}

fn model_name(policy: &Policy, name: &str, cuts: &mut Vec<Cut>) {
    if let Some(member) = policy.find(Field::Model)
        && policy.model != name
    {
        let quoted = serde_json::Value::from(name).to_string();
        replace(cuts, member.value.span, quoted);
    }
}

fn include_usage(policy: &Policy, cuts: &mut Vec<Cut>) {
    if !policy.stream || policy.include_usage || !policy.has_stream_options() {
        return;
    }
    let Some(options) = policy.find(Field::StreamOptions) else {
        insert(
            policy,
            cuts,
            r#""stream_options":{"include_usage":true},"#.into(),
        );
        return;
    };
    let Span { start, end } = options.value.span;
    if options.value.shape == Shape::Null {
        replace(cuts, options.value.span, r#"{"include_usage":true}"#);
        return;
    }
    let mut inner = None;
    let mut members = 0;
    // It was read before, so that it can't fail now.
    let _checked = json::object(&policy.text()[start..end], |key, member| {
        members += 1;
        if key == "include_usage" {
            inner = Some(member.value.span);
        }
    });
    match inner {
        Some(span) => {
            let span = Span {
                start: start + span.start,
                end: start + span.end,
            };
            replace(cuts, span, "true");
        }
        None => {
            let comma = if members > 0 { "," } else { "" };
            let place = Span {
                start: start + 1,
                end: start + 1,
            };
            replace(cuts, place, format!("\"include_usage\":true{comma}"));
        }
    }
}

fn max_tokens(policy: &Policy, cap: u64, cuts: &mut Vec<Cut>) {
    let Some(own) = policy.own_max() else {
        return;
    };
    if policy.max_tokens.is_some_and(|most| most <= cap) {
        return;
    }
    if policy.max_tokens.is_none() {
        match policy.find(own) {
            // It is there and null.
            Some(member) => replace(cuts, member.value.span, cap.to_string()),
            None => insert(policy, cuts, format!("\"{}\":{cap},", own.name())),
        }
        return;
    }
    let limits = policy
        .found()
        .iter()
        .filter(|found| found.field.is_token_limit());
    for found in limits {
        let span = found.member.value.span;
        let number = policy.text()[span.start..span.end].parse::<u64>();
        if number.is_ok_and(|number| number > cap) {
            replace(cuts, span, cap.to_string());
        }
    }
}

fn without(
    policy: &Policy,
    capability: Capability,
    removed: &mut Vec<Member>,
    cuts: &mut Vec<Cut>,
) {
    let named = policy.found().iter().filter(|found| match capability {
        // Echo is of no harm by itself; with log-probabilities it asks for the prompt's.
        Capability::PromptLogProbabilities if found.field == Field::Echo => {
            policy.echo && policy.logprobs.is_some()
        }
        _ => found.field.capability() == Some(capability),
    });
    for found in named {
        if !removed.contains(&found.member) {
            removed.push(found.member);
        }
    }
    let item = match capability {
        Capability::LogProbabilities => INCLUDE_LOGPROBS,
        Capability::Reasoning => INCLUDE_REASONING,
        _ => return,
    };
    if let Some(include) = policy.find(Field::Include) {
        without_item(policy, include, item, cuts);
    }
}

/// Takes one item out of `include`; where two are to go, the second finds the first one's text.
fn without_item(policy: &Policy, include: Member, item: &str, cuts: &mut Vec<Cut>) {
    let span = include.value.span;
    let earlier = cuts.iter().position(|cut| cut.span == span);
    let text = match earlier {
        Some(index) => cuts[index].text.clone(),
        None => Cow::Owned(policy.text()[span.start..span.end].to_owned()),
    };
    let Ok(items) = serde_json::from_str::<Vec<String>>(&text) else {
        return;
    };
    let kept: Vec<&String> = items.iter().filter(|kept| *kept != item).collect();
    if kept.len() == items.len() {
        return;
    }
    if let Some(index) = earlier {
        cuts.remove(index);
    }
    replace(cuts, span, serde_json::json!(kept).to_string());
}

/// Takes members out, each with the one comma that it no longer needs.
fn remove(body: &[u8], mut removed: Vec<Member>, cuts: &mut Vec<Cut>) {
    removed.sort_by_key(|member| member.key_start);
    let mut members = removed.into_iter().peekable();
    while let Some(member) = members.next() {
        let end = member.value.span.end;
        let start = match comma_before(body, member.key_start) {
            Some(comma) => comma,
            // The object's first: the comma after it goes, unless the next member, taken out
            // too, takes it along.
            None => {
                let comma = comma_after(body, end);
                let next = members.peek();
                let shared = next.and_then(|next| comma_before(body, next.key_start));
                if comma.is_some() && comma != shared {
                    let start = member.key_start;
                    let end = comma.map_or(end, |comma| comma + 1);
                    replace(cuts, Span { start, end }, "");
                    continue;
                }
                if let Some(next) = members.peek_mut() {
                    // The two go as one first member.
                    next.key_start = member.key_start;
                    continue;
                }
                member.key_start
            }
        };
        replace(cuts, Span { start, end }, "");
    }
}

fn comma_before(body: &[u8], at: usize) -> Option<usize> {
    let last = body[..at]
        .iter()
        .rposition(|byte| !byte.is_ascii_whitespace())?;
    (body[last] == b',').then_some(last)
}

fn comma_after(body: &[u8], at: usize) -> Option<usize> {
    let next = body[at..]
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())?;
    (body[at + next] == b',').then_some(at + next)
}

#[cfg(test)]
mod tests;
