//! One answer as its tokens come: text that is sure, with the tokens that it is made of. Whole
//! answers and streams are both put together from its parts, so they can't differ.

use std::sync::Arc;

use lm::{Piece, Scored, Tokenizer};
use wire::openai::{Finish, TokenLogprob};

use crate::tokens;

/// Which tokens have a place in the list of log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Those that the text is made of, as chat has it.
    Shown,
    /// All that were sampled, the end token too, as the older completions have it: who cuts a
    /// prompt's scores out by their number relies on it.
    Sampled,
}

/// An answer under way.
pub(crate) struct Choice {
    tokenizer: Arc<Tokenizer>,
    /// Alternatives with each token, where log-probabilities were asked for.
    logprobs: Option<usize>,
    listed: Listed,
    /// Tokens whose text is not yet sure.
    held: Vec<Scored>,
    sampled: u64,
    logprob: f64,
}

/// What one more token adds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    /// Often empty: unfinished characters and possible starts of stop texts are held back.
    pub(crate) text: String,
    /// The tokens of this text; `None` where they were not asked for.
    pub(crate) tokens: Option<Vec<TokenLogprob>>,
    /// With the last token.
    pub(crate) finish: Option<Finish>,
    /// Which of the request's stop texts ended it.
    pub(crate) stop: Option<usize>,
}

impl Part {
    /// Whether there is anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.tokens.as_ref().is_none_or(Vec::is_empty)
    }
}

impl Choice {
    pub(crate) fn new(tokenizer: Arc<Tokenizer>, logprobs: Option<usize>, listed: Listed) -> Self {
        Self {
            tokenizer,
            logprobs,
            listed,
            held: Vec::new(),
            sampled: 0,
            logprob: 0.0,
        }
    }

    /// Takes one more token.
    pub(crate) fn push(&mut self, piece: Piece) -> Part {
        let Piece {
            choice,
            text,
            finish,
        } = piece;
        self.sampled += 1;
        self.logprob += f64::from(choice.logprob);
        let tokens = self.logprobs.map(|top| {
            let shown = finish != Some(lm::Finish::End);
            if shown || self.listed == Listed::Sampled {
                self.held.push(choice);
            }
            let is_stop_text = matches!(finish, Some(lm::Finish::Stop(_))) && text.is_empty();
            if is_stop_text && self.listed == Listed::Shown {
                self.held.clear();
            }
            if text.is_empty() && finish.is_none() {
                return Vec::new();
            }
            let held = std::mem::take(&mut self.held);
            held.iter()
                .map(|token| tokens::scored(&self.tokenizer, token, top))
                .collect()
        });
        let stop = match finish {
            Some(lm::Finish::Stop(index)) => Some(index),
            _ => None,
        };
        let finish = finish.map(|finish| match finish {
            lm::Finish::End | lm::Finish::Stop(_) => Finish::Stop,
            // A broken one is given up before it comes here.
            lm::Finish::Length | lm::Finish::Broken => Finish::Length,
        });
        Part {
            text,
            tokens,
            finish,
            stop,
        }
    }

    /// Tokens sampled so far, the end token among them.
    pub(crate) fn sampled(&self) -> u64 {
        self.sampled
    }

    /// The mean log-probability of a token, by which the best of several answers are chosen.
    pub(crate) fn mean_logprob(&self) -> f64 {
        self.logprob / self.sampled.max(1) as f64
    }
}

/// An answer put together from its parts.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) text: String,
    pub(crate) tokens: Option<Vec<TokenLogprob>>,
    pub(crate) finish: Option<Finish>,
    pub(crate) stop: Option<usize>,
}

impl Whole {
    pub(crate) fn add(&mut self, part: Part) {
        self.text.push_str(&part.text);
        if let Some(tokens) = part.tokens {
            self.tokens.get_or_insert_default().extend(tokens);
        }
        self.finish = self.finish.or(part.finish);
        self.stop = self.stop.or(part.stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Arc<Tokenizer> {
        let model = lm::testing::tiny_model(lm::Family::Llama, 1).unwrap();
        Arc::clone(model.tokenizer())
    }

    /// Pushes tokens by id, with the text that became sure; returns the ids listed with each.
    fn listed(rule: Listed, pieces: &[(u32, &str, Option<lm::Finish>)]) -> Vec<Vec<u32>> {
        let mut choice = Choice::new(tokenizer(), Some(0), rule);
        let push = |&(token, text, finish): &(u32, &str, Option<lm::Finish>)| {
            let scored = Scored {
                token,
                logprob: -1.0,
                rank: 1,
                top: Vec::new(),
                at: Vec::new(),
                tail: 0.0,
            };
            let part = choice.push(Piece {
                choice: scored,
                text: text.to_owned(),
                finish,
            });
            part.tokens.unwrap().iter().map(|token| token.id).collect()
        };
        pieces.iter().map(push).collect()
    }

    #[test]
    fn tokens_are_listed_when_their_text_is_sure() {
        let held = [
            (10, "", None),
            (11, "", None),
            (12, "abc", None),
            (13, "", None),
        ];
        for rule in [Listed::Shown, Listed::Sampled] {
            assert_eq!(
                listed(rule, &held),
                [vec![], vec![], vec![10, 11, 12], vec![]]
            );
            let cut = [(10, "", None), (11, "", Some(lm::Finish::Length))];
            assert_eq!(
                listed(rule, &cut),
                [vec![], vec![10, 11]],
                "half a character"
            );
        }
    }

    #[test]
    fn what_ends_a_chat_is_not_listed() {
        let end = [
            (10, "", None),
            (11, "a", None),
            (2, "", Some(lm::Finish::End)),
        ];
        assert_eq!(listed(Listed::Shown, &end), [vec![], vec![10, 11], vec![]]);
        assert_eq!(
            listed(Listed::Sampled, &end),
            [vec![], vec![10, 11], vec![2]]
        );
        let stop = [
            (10, "a", None),
            (11, "", None),
            (12, "", Some(lm::Finish::Stop(0))),
        ];
        assert_eq!(listed(Listed::Shown, &stop), [vec![10], vec![], vec![]]);
        assert_eq!(
            listed(Listed::Sampled, &stop),
            [vec![10], vec![], vec![11, 12]]
        );
        let partly = [(10, "", None), (11, "a", Some(lm::Finish::Stop(0)))];
        assert_eq!(listed(Listed::Shown, &partly), [vec![], vec![10, 11]]);
    }
}
