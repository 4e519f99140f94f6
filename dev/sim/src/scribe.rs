//! A small grammar that writes what a model would have answered, where no recorded answer exists:
//! on the words of its prompt, the same for the same seed. Its sentences are varied enough that
//! two answers share no long stretch by accident, which is what reuse is told by. No facts.

use std::sync::Arc;

use crate::draw::Draw;

const NOUNS: &str = include_str!("../texts/nouns.txt");
const ADJECTIVES: &str = include_str!("../texts/adjectives.txt");
const VERBS: &str = include_str!("../texts/verbs.txt");

/// Writes answers.
#[derive(Debug)]
pub(crate) struct Scribe {
    nouns: Vec<&'static str>,
    adjectives: Vec<&'static str>,
    verbs: Vec<&'static str>,
}

impl Default for Scribe {
    fn default() -> Self {
        Self {
            nouns: NOUNS.split_whitespace().collect(),
            adjectives: ADJECTIVES.split_whitespace().collect(),
            verbs: VERBS.split_whitespace().collect(),
        }
    }
}

const OPENINGS: [&str; 12] = [
    "In short,",
    "First of all,",
    "Put simply,",
    "As a rule,",
    "It helps to see that",
    "A good start is that",
    "Most of the time",
    "What matters here is that",
    "Note that",
    "To begin with,",
    "The point is that",
    "Here",
];
const LINKS: [&str; 12] = [
    "because",
    "while",
    "so that",
    "although",
    "whenever",
    "and",
    "unless",
    "where",
    "since",
    "but",
    "as long as",
    "before",
];

impl Scribe {
    /// The words of a prompt that carry meaning, at most eight.
    fn topics<'a>(prompt: &'a str, draw: &mut Draw) -> Vec<&'a str> {
        // The end of a long prompt is what it is about.
        let from = prompt.ceil_char_boundary(prompt.len().saturating_sub(600));
        let mut words: Vec<&str> = prompt[from..]
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 4 && word.len() < 18)
            .collect();
        while words.len() > 8 {
            words.swap_remove(draw.below(words.len()));
        }
        words
    }

    fn noun<'a>(&self, topics: &[&'a str], draw: &mut Draw) -> &'a str {
        match !topics.is_empty() && draw.chance(0.35) {
            true => draw.pick::<&str>(topics),
            false => draw.pick::<&str>(&self.nouns),
        }
    }

    fn sentence(&self, topics: &[&str], draw: &mut Draw, out: &mut String) {
        let start = out.len();
        if draw.chance(0.35) {
            out.push_str(draw.pick::<&str>(&OPENINGS));
            out.push(' ');
        }
        self.clause(topics, draw, out);
        if draw.chance(0.55) {
            out.push(' ');
            out.push_str(draw.pick::<&str>(&LINKS));
            out.push(' ');
            self.clause(topics, draw, out);
        }
        out.push('.');
        if let Some(first) = out.get(start..start + 1) {
            let upper = first.to_ascii_uppercase();
            out.replace_range(start..start + 1, &upper);
        }
    }

    fn clause(&self, topics: &[&str], draw: &mut Draw, out: &mut String) {
        let (first, second) = (self.noun(topics, draw), self.noun(topics, draw));
        let words = [
            "the",
            *draw.pick(&self.adjectives),
            first,
            *draw.pick(&self.verbs),
            *draw.pick(&["the", "a", "each", "every", "its"]),
            second,
        ];
        for (place, word) in words.iter().enumerate() {
            if place > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
        if draw.chance(0.3) {
            out.push_str(" of the ");
            out.push_str(self.noun(topics, draw));
        }
    }

    /// Prose of about so many bytes.
    pub(crate) fn prose(&self, prompt: &str, bytes: usize, draw: &mut Draw) -> String {
        let topics = Self::topics(prompt, draw);
        let mut out = String::with_capacity(bytes + 120);
        let mut in_paragraph = 0;
        while out.len() < bytes {
            if in_paragraph > 0 {
                out.push_str(if in_paragraph % 5 == 0 { "\n\n" } else { " " });
            }
            in_paragraph += 1;
            self.sentence(&topics, draw, &mut out);
        }
        out
    }

    /// Numbered reasoning that ends in an answer.
    pub(crate) fn steps(
        &self,
        prompt: &str,
        answer: &str,
        count: usize,
        draw: &mut Draw,
    ) -> String {
        let topics = Self::topics(prompt, draw);
        let mut out = String::with_capacity(count * 110);
        for step in 1..=count {
            out.push_str(&format!("Step {step}: "));
            self.sentence(&topics, draw, &mut out);
            if draw.chance(0.5) {
                let (a, b) = (draw.between(2, 99), draw.between(2, 99));
                out.push_str(&format!(" That gives {a} + {b} = {}.", a + b));
            }
            out.push('\n');
        }
        out.push_str(&format!("So the answer is {answer}."));
        out
    }

    /// A short task for somebody else to do.
    pub(crate) fn task(&self, draw: &mut Draw) -> String {
        const ASKS: [&str; 14] = [
            "Describe how",
            "Explain why",
            "Write a short story in which",
            "List three cases where",
            "Argue against the claim that",
            "Give an example of how",
            "Rewrite as a poem:",
            "Say in one sentence whether",
            "Plan a lesson on why",
            "Classify as true or false:",
            "Compose a letter that tells how",
            "Summarise for a child why",
            "Name two risks when",
            "Turn into a table:",
        ];
        let mut out = String::from(*draw.pick(&ASKS));
        out.push(' ');
        self.clause(&[], draw, &mut out);
        if draw.chance(0.5) {
            out.push(' ');
            out.push_str(draw.pick::<&str>(&LINKS));
            out.push(' ');
            self.clause(&[], draw, &mut out);
        }
        out.push('.');
        out
    }

    /// A program that does nothing in particular.
    pub(crate) fn program(&self, prompt: &str, lines: usize, draw: &mut Draw) -> String {
        let topics = Self::topics(prompt, draw);
        let name = |draw: &mut Draw| self.noun(&topics, draw).replace('-', "_").to_lowercase();
        let mut out = format!("```python\ndef {}_{}(items):\n", name(draw), name(draw));
        for _ in 0..lines {
            let (a, b, c) = (name(draw), name(draw), name(draw));
            let line = match draw.below(5) {
                0 => format!("    {a} = {b}({c}, {})\n", draw.between(1, 400)),
                1 => format!(
                    "    if {a} > {}:\n        {b} += {c}\n",
                    draw.between(1, 99)
                ),
                2 => format!("    for {a} in {b}:\n        {c}.append({a})\n"),
                3 => format!("    {a} = sorted({b}, key=lambda {c}: {c}.{a})\n"),
                _ => format!("    # {a} {b} {c}\n"),
            };
            out.push_str(&line);
        }
        out.push_str(&format!("    return {}\n```", name(draw)));
        out
    }

    /// The same text with this share of its sentences written anew: a student's answer that is
    /// so far from its teacher's.
    pub(crate) fn weaker(&self, text: &str, share: f64, draw: &mut Draw) -> String {
        let topics = Self::topics(text, draw);
        let mut out = String::with_capacity(text.len());
        for sentence in text.split_inclusive(". ") {
            match draw.chance(share) {
                true => {
                    self.sentence(&topics, draw, &mut out);
                    out.push(' ');
                }
                false => out.push_str(sentence),
            }
        }
        out
    }

    /// What our model says when it will not.
    pub(crate) fn refusal(&self, draw: &mut Draw) -> Arc<str> {
        const REFUSALS: [&str; 4] = [
            "I can't share my internal reasoning, but I can explain how the answer follows.",
            "I'm not able to reproduce that. Here is a short summary instead.",
            "Sorry, I can't help with that request.",
            "I don't have access to earlier working memory that I could repeat.",
        ];
        (*draw.pick(&REFUSALS)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_repeat_by_seed_and_share_little_otherwise() {
        let scribe = Scribe::default();
        let write =
            |seed| scribe.prose("How do heat pumps warm a house?", 900, &mut Draw::of(seed));
        assert_eq!(write(1), write(1));
        let (one, two) = (write(1), write(2));
        let shingles = |text: &str| -> std::collections::HashSet<String> {
            let words: Vec<&str> = text.split_whitespace().collect();
            words.windows(6).map(|six| six.join(" ")).collect()
        };
        let shared = shingles(&one).intersection(&shingles(&two)).count();
        assert_eq!(shared, 0, "{one}\n{two}");
    }

    #[test]
    fn a_weaker_answer_keeps_its_share() {
        let scribe = Scribe::default();
        let text = scribe.prose("rivers", 4_000, &mut Draw::of(5));
        let kept = |share| {
            let weaker = scribe.weaker(&text, share, &mut Draw::of(6));
            text.split(". ")
                .filter(|sentence| weaker.contains(sentence))
                .count()
        };
        assert!(kept(0.2) > kept(0.8) + 5);
    }
}
