//! An upstream that scores texts by a rule: token `t` below `k` has probability `2^-(t+1)`, any
//! other a 300th of what is left. A test may spoil what it tells.

use std::sync::Arc;

use parking_lot::Mutex;
use record::Endpoint;
use upstream::{
    Answer, Ask, BoxFuture, EndpointSet, Error, Health, ScoreAsk, ScoreOutcome, Upstream,
};
use wire::openai::Prompt;
use wire::score::{ItemScores, Position, ScoreItem, Scores};

/// Changes an outcome; told whether it is the second path.
pub(crate) type Spoil = fn(&mut Result<ScoreOutcome, Error>, bool);

/// The upstream, and what it was asked.
pub(crate) struct Scorer {
    pub(crate) asked: Mutex<Vec<ScoreAsk>>,
    spoil: Spoil,
}

/// An upstream that tells the truth until it is spoilt.
pub(crate) fn scorer(spoil: Spoil) -> Arc<Scorer> {
    Arc::new(Scorer {
        asked: Mutex::default(),
        spoil,
    })
}

/// The scores of an outcome that has some.
pub(crate) fn scores(outcome: &mut Result<ScoreOutcome, Error>) -> &mut Scores {
    match outcome {
        Ok(ScoreOutcome::Told { scores, .. }) => scores,
        other => panic!("{other:?}"),
    }
}

/// What the rule says of a token.
pub(crate) fn rule(token: u32, top_k: u32) -> f32 {
    let half = 0.5f32.ln();
    if token < top_k {
        (token + 1) as f32 * half
    } else {
        top_k as f32 * half - 300f32.ln()
    }
}

fn item_scores(item: &ScoreItem) -> ItemScores {
    let ids = match &item.text {
        Prompt::Tokens(ids) => ids.clone(),
        Prompt::Text(text) => text.split(' ').map(|word| word.len() as u32).collect(),
    };
    let k = item.top_k;
    let position = |(index, &id): (usize, &u32)| {
        let at = item.ids_at.get(index).cloned().unwrap_or_default();
        let mut others = at.clone();
        others.sort_unstable();
        others.dedup();
        others.retain(|id| *id >= k);
        let named: f32 = others.iter().map(|id| rule(*id, k).exp()).sum();
        Position {
            id,
            logprob: Some(rule(id, k)),
            rank: Some(id.min(k) + 1),
            top: (0..k).map(|id| (id, rule(id, k))).collect(),
            at: at.iter().map(|id| rule(*id, k)).collect(),
            tail: item.tail.then(|| (0.5f32.powi(k as i32) - named).ln()),
        }
    };
    ItemScores {
        tokens: ids.len() as u32,
        from: item.from,
        positions: ids[item.from as usize..]
            .iter()
            .enumerate()
            .map(position)
            .collect(),
    }
}

impl Upstream for Scorer {
    fn name(&self) -> &str {
        "scorer"
    }

    fn endpoints(&self) -> EndpointSet {
        EndpointSet::of(&[Endpoint::Score])
    }

    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<Answer, Error>> {
        unreachable!("it scores alone")
    }

    fn count_tokens(&self, _: Ask) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn score(&self, ask: ScoreAsk) -> BoxFuture<'_, Result<ScoreOutcome, Error>> {
        let mut outcome = Ok(ScoreOutcome::Told {
            scores: Scores {
                revision: Some("blake3:abc".into()),
                items: ask.request.items.iter().map(item_scores).collect(),
            },
            server: "the-server".into(),
        });
        (self.spoil)(&mut outcome, ask.alone);
        self.asked.lock().push(ask);
        Box::pin(async { outcome })
    }

    fn health(&self) -> Health {
        Health {
            ready: 1,
            unreachable: 0,
            servers: 1,
            in_flight: 0,
            last_error: None,
        }
    }
}
