//! Conversations: recorded dialogues, loops of tool calls, dialogues with a simulated user; how
//! each starts and goes on. Shared by honest workloads and recipes, so that form tells nothing.

use std::sync::Arc;

use crate::talk::{Ask, Call, Hand, Keep, Message, Rest, Thread};
use crate::texts::{Record, head};
use crate::voice::{Slot, Voice};

/// Part of the replies that our model gives as they were recorded: those of greedy requests. The others
/// are sampled, and nobody gets the same long answer twice.
const GREEDY: f64 = 0.15;
/// Sentences of a sampled reply that are not the recorded ones.
const SAMPLED: f64 = 0.5;
/// Replies of so few bytes are the same each time.
const SHORT: usize = 64;
/// Longest answer in a conversation, in bytes.
const SAID: usize = 1_600;
/// A conversation keeps at most so many messages of history (clients cut, too).
const HISTORY: usize = 24;

/// Starts a recorded dialogue, under a system text where the workload has one.
pub(crate) fn script(record: &Arc<Record>, system: Option<Arc<str>>, hand: &mut Hand<'_>) -> Ask {
    let mut messages = Vec::with_capacity(4);
    if let Some(system) = system.or_else(|| record.system.clone()) {
        messages.push(Message::new("system", system));
    }
    next_of_script(record, 0, messages, hand)
}

fn next_of_script(
    record: &Arc<Record>,
    turn: usize,
    mut messages: Vec<Message>,
    hand: &mut Hand<'_>,
) -> Ask {
    messages.push(Message::user(record.turns[turn].clone()));
    let answer = match record.turns.get(turn + 1) {
        Some(reply) => reply.clone(),
        None => hand.answer(record, SAID),
    };
    let answer = sampled(answer, hand);
    let mut ask = Ask::new(messages, answer);
    if record.turns.len() > turn + 2 {
        ask.rest = Some(Rest::Script {
            record: record.clone(),
            turn: turn + 2,
        });
    }
    ask
}

/// A recorded reply as our model gives it this time.
fn sampled(reply: Arc<str>, hand: &mut Hand<'_>) -> Arc<str> {
    if reply.len() < SHORT || hand.draw.chance(GREEDY) {
        return reply;
    }
    hand.stock.scribe.weaker(&reply, SAMPLED, hand.draw).into()
}

/// Starts a job with tools.
pub(crate) fn tools(task: &str, system: Arc<str>, steps: u32, hand: &mut Hand<'_>) -> Ask {
    let set = hand.draw.below(hand.stock.tools.len());
    let messages = vec![Message::new("system", system), Message::user(task)];
    call(messages, set, steps, hand)
}

/// The model's next call, or its report when the steps are used up.
fn call(messages: Vec<Message>, set: usize, left: u32, hand: &mut Hand<'_>) -> Ask {
    let about = messages
        .iter()
        .rev()
        .find_map(|message| message.content.clone())
        .unwrap_or_default();
    if left == 0 {
        let report = hand.prose(&about, 700);
        let mut ask = Ask::new(messages, report);
        ask.tools = Some(set);
        return ask;
    }
    let made = make_call(set, &about, hand);
    let mut ask = Ask::new(messages, made.function.arguments.clone());
    ask.tools = Some(set);
    ask.call = Some(made);
    ask.rest = Some(Rest::Tools { left: left - 1 });
    ask
}

/// A call of one of the set's functions.
pub(crate) fn make_call(set: usize, about: &str, hand: &mut Hand<'_>) -> Call {
    let names: Vec<&str> = hand.stock.tools[set]
        .get()
        .split("\"function\":{\"name\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let name = names
        .get(hand.draw.below(names.len()))
        .copied()
        .unwrap_or("run");
    let value = hand.stock.scribe.prose(about, 20, hand.draw);
    // In the order of the alphabet: the text is then the same with maps of either kind.
    let arguments = serde_json::json!({ "n": hand.draw.below(50), "query": value }).to_string();
    Call::new(
        format!("call_{:012x}", hand.draw.bits() >> 16).into(),
        name,
        &arguments,
    )
}

/// What a tool gives back: rows, or a few lines of a file.
pub(crate) fn observation(about: &str, hand: &mut Hand<'_>) -> String {
    let stock = hand.stock;
    match hand.draw.below(3) {
        0 => stock
            .scribe
            .program(about, 4 + hand.draw.below(14), hand.draw),
        1 => {
            let rows: Vec<_> = (0..1 + hand.draw.below(4))
                .map(|_| {
                    serde_json::json!({
                        "id": hand.draw.below(100_000),
                        "name": stock.scribe.task(hand.draw),
                        "value": hand.draw.below(10_000) as f64 / 100.0,
                    })
                })
                .collect();
            serde_json::Value::Array(rows).to_string()
        }
        _ => stock
            .scribe
            .prose(about, 60 + hand.draw.below(700), hand.draw),
    }
}

/// The next request of a conversation.
pub(crate) fn go_on(thread: Thread, voice: &Voice, hand: &mut Hand<'_>) -> Ask {
    let Thread {
        mut messages,
        rest,
        tools,
        distilling,
        client,
        ..
    } = thread;
    if messages.len() > HISTORY {
        let from = messages.len() - HISTORY / 2;
        // The head stays: system text and task.
        messages.drain(2..from + from % 2);
    }
    let mut ask = match rest {
        Rest::Script { record, turn } => next_of_script(&record, turn, messages, hand),
        Rest::Tools { left } => {
            let asked = messages
                .last()
                .and_then(|message| message.tool_calls.first().cloned());
            let about = asked
                .as_ref()
                .map_or("", |call| &call.function.arguments)
                .to_owned();
            let mut message = Message::new("tool", observation(&about, hand));
            message.tool_call_id = asked.map(|call| call.id);
            messages.push(message);
            call(messages, tools.unwrap_or(0), left, hand)
        }
        Rest::Simulated { left, spoke } => simulated(messages, left, spoke, voice, hand),
    };
    ask.distilling = distilling;
    ask.client = client;
    ask
}

/// Two models talk: ours is asked to play the user, and then to answer what it said as the user.
/// The messages are always the assistant's side; the user's side travels inside one prompt.
fn simulated(
    mut messages: Vec<Message>,
    left: u32,
    spoke: bool,
    voice: &Voice,
    hand: &mut Hand<'_>,
) -> Ask {
    let rest = |spoke| {
        (left > 1).then_some(Rest::Simulated {
            left: left - 1,
            spoke,
        })
    };
    if spoke {
        // What our model said as the user becomes the user's message of the dialogue. The prompt
        // that made it say so is undone.
        let said = messages
            .pop()
            .and_then(|message| message.content)
            .unwrap_or_default();
        let prompt = messages
            .pop()
            .and_then(|message| message.content)
            .unwrap_or_default();
        let before = prompt.split_once(TALK).map_or("", |(_, talk)| talk);
        let mut dialogue = parse_talk(before);
        dialogue.push(Message::user(said.clone()));
        let answer = hand.prose(&said, 900);
        let mut ask = Ask::new(dialogue, answer.clone()).keeping(Keep::Answer(said));
        ask.rest = rest(false);
        return ask;
    }
    let mut talk = String::new();
    for message in &messages {
        let who = if message.role == "user" {
            "Person: "
        } else {
            "Helper: "
        };
        talk.push_str(who);
        talk.push_str(message.content.as_deref().unwrap_or_default());
        talk.push_str(TURN);
    }
    let talk = head(&talk, 6_000);
    let said = hand.prose(talk, 220);
    let mut ask = Ask::one(
        format!("{}{TALK}{talk}", voice.say(Slot::PlayUser, hand.draw)),
        said,
    );
    ask.rest = rest(true);
    ask
}

const TALK: &str = "\n\nThe talk so far:\n";
const TURN: &str = "\n--\n";

fn parse_talk(talk: &str) -> Vec<Message> {
    talk.split(TURN)
        .filter_map(|turn| {
            let turn = turn.trim_start();
            turn.strip_prefix("Person: ")
                .map(Message::user)
                .or_else(|| {
                    turn.strip_prefix("Helper: ")
                        .map(|text| Message::new("assistant", text))
                })
        })
        .collect()
}

/// How long a person or a program waits before the next turn, in milliseconds.
pub(crate) fn think_ms(thread: &Thread, hand: &mut Hand<'_>) -> i64 {
    match &thread.rest {
        Rest::Script { record, turn } => match record.gaps.get(turn / 2 * 2) {
            Some(gap) => i64::from(*gap).min(20 * 60_000),
            None => hand.draw.spread(40_000.0, 0.9, 3_000.0, 1_200_000.0) as i64,
        },
        Rest::Tools { .. } => hand.draw.spread(1_500.0, 1.1, 100.0, 120_000.0) as i64,
        Rest::Simulated { .. } => hand.draw.spread(900.0, 0.8, 100.0, 60_000.0) as i64,
    }
}
