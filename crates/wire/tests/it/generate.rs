//! Random JSON bodies as odd clients write them, from a seed: odd spacing, escapes in keys, deep
//! nesting, big numbers, and now and then something that is not JSON at all.

/// A small generator (SplitMix64), so that a seed gives the same bodies for ever.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) const fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

const FIELDS: [&str; 31] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n_predict",
    "n",
    "best_of",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "n_probs",
    "echo",
    "logit_bias",
    "store",
    "reasoning",
    "reasoning_effort",
    "include_reasoning",
    "thinking",
    "include",
    "user",
    "metadata",
    "previous_response_id",
    "prompt",
    "input",
    "tools",
    "messages",
    "temperature",
    "Max_Tokens",
    "x",
];

/// A body: mostly one that is read, with all sorts of values; `valid`: no syntax errors.
pub(crate) fn body(random: &mut Random, valid: bool) -> String {
    let mut out = String::new();
    space(random, &mut out);
    out.push('{');
    let mut fields: Vec<&str> = vec!["model"];
    for _ in 0..random.below(7) {
        let field = random.of(&FIELDS);
        if !valid || !fields.contains(&field) || random.one_in(40) {
            fields.push(field);
        }
    }
    let turn = random.below(fields.len());
    fields.rotate_left(turn);
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        space(random, &mut out);
        key(random, field, &mut out);
        space(random, &mut out);
        out.push(':');
        space(random, &mut out);
        field_value(random, field, &mut out);
        space(random, &mut out);
    }
    out.push('}');
    space(random, &mut out);
    if !valid && random.one_in(3) {
        spoil(random, &mut out);
    }
    out
}

fn space(random: &mut Random, out: &mut String) {
    if random.one_in(4) {
        out.push_str(random.of(&[" ", "  ", "\n", "\t", "\r\n", " \n "]));
    }
}

/// A key, now and then with an escape in it.
fn key(random: &mut Random, name: &str, out: &mut String) {
    out.push('"');
    for letter in name.chars() {
        if random.one_in(30) {
            out.push_str(&format!("\\u{:04x}", letter as u32));
        } else {
            out.push(letter);
        }
    }
    out.push('"');
}

fn field_value(random: &mut Random, field: &str, out: &mut String) {
    if random.one_in(12) {
        return value(random, 3, out);
    }
    let text = match field {
        "model" => random.of(&[
            "\"gpt-4\"",
            "\"m\"",
            "\"a/b\\u00e9\"",
            "\"\"",
            "\"\\ud83d\\ude00\"",
        ]),
        "stream" | "store" | "echo" | "include_reasoning" => random.of(&["true", "false", "null"]),
        "logprobs" => random.of(&["true", "false", "5", "0", "null"]),
        "stream_options" => random.of(&[
            "{}",
            "{ }",
            "null",
            "{\"include_usage\":true}",
            "{\"include_usage\": false , \"a\":1}",
            "{\"b\":[{}],\"include_\\u0075sage\":null}",
        ]),
        "logit_bias" => random.of(&["{\"1\":-100}", "{}", "null", "{\"5\" : 1.5e0}"]),
        "tools" | "messages" => random.of(&["[]", "[{\"type\":\"function\"}]", "null"]),
        "reasoning" | "thinking" => random.of(&[
            "{\"type\":\"enabled\",\"budget_tokens\":5}",
            "{\"type\":\"disabled\"}",
            "{\"effort\":\"low\",\"summary\":\"auto\"}",
            "{\"effort\":null}",
            "{}",
        ]),
        "reasoning_effort" => random.of(&["\"low\"", "\"none\"", "null"]),
        "include" => random.of(&[
            "[]",
            "[\"message.output_text.logprobs\"]",
            "[\"x\", \"reasoning.encrypted_content\",\"message.output_text.logprobs\"]",
        ]),
        "prompt" | "input" => random.of(&[
            "\"hi\"",
            "[\"a\", \"b\"]",
            "[1,2,3]",
            "[[1],[2,3]]",
            "[]",
            "[1,\"a\"]",
        ]),
        "metadata" => random.of(&["{\"user_id\":\"u\"}", "{}", "null"]),
        "user" | "previous_response_id" => random.of(&["\"someone\"", "null", "\"\\n\""]),
        "temperature" => random.of(&["0", "0.5", "1e-3", "2"]),
        "x" => return value(random, 4, out),
        _ => random.of(&[
            "1",
            "7",
            "128",
            "100000",
            "0",
            "-1",
            "1.0",
            "1e2",
            "\"5\"",
            "null",
            "-0",
            "true",
            "9007199254740991",
            "9007199254740992",
            "18446744073709551616",
        ]),
    };
    out.push_str(text);
}

fn value(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => out.push_str(random.of(&["null", "true", "false"])),
        1 => out.push_str(random.of(&[
            "0",
            "-0",
            "1",
            "-12.5",
            "1e5",
            "1E+2",
            "2.5e-7",
            "1e308",
            "1e-400",
            "123456789012345678901234567890",
        ])),
        2 | 3 => string(random, out),
        4 => {
            out.push('[');
            for place in 0..random.below(5) {
                if place > 0 {
                    out.push(',');
                }
                space(random, out);
                value(random, depth - 1, out);
                space(random, out);
            }
            out.push(']');
        }
        5 => {
            // Deep, but no deeper than is read.
            let levels = random.below(50);
            out.push_str(&"[".repeat(levels));
            value(random, 0, out);
            out.push_str(&"]".repeat(levels));
        }
        _ => {
            out.push('{');
            let many = if random.one_in(20) { 40 } else { 5 };
            for place in 0..random.below(many) {
                if place > 0 {
                    out.push(',');
                }
                space(random, out);
                key(random, &format!("k{place}"), out);
                out.push(':');
                value(random, depth - 1, out);
                space(random, out);
            }
            if random.one_in(40) {
                if !out.ends_with('{') {
                    out.push(',');
                }
                key(random, "k0", out);
                out.push_str(":1");
            }
            out.push('}');
        }
    }
}

fn string(random: &mut Random, out: &mut String) {
    out.push('"');
    for _ in 0..random.below(12) {
        out.push_str(random.of(&[
            "a",
            "usage",
            " ",
            "é",
            "😀",
            "\\\"",
            "\\\\",
            "\\/",
            "\\n",
            "\\u0000",
            "\\u00e9",
            "\\ud83d\\ude00",
            "{",
            "}",
            "[",
            ":",
            ",",
            "\u{7f}",
            "\u{2028}",
        ]));
    }
    out.push('"');
}

/// Breaks one place.
fn spoil(random: &mut Random, out: &mut String) {
    let at = out.floor_char_boundary(random.below(out.len()));
    let bad = random.of(&[
        ",", "}", "]", "\"", "\\", "NaN", "Infinity", "01", "+1", ".5", "1.", "1e", "1e400",
        "\\ud800", "\\x41", "\u{1}", "\u{feff}", "'", "tru", "//", "\u{a0}", "\u{b}",
    ]);
    out.insert_str(at, bad);
}
