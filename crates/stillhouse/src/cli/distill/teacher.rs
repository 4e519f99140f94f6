//! A teacher behind an upstream of the settings, asked for scores as the gateway asks it.

use std::sync::Arc;
use std::time::Duration;

use distill::spec::Served;
use distill::teacher::{Answer, Teacher, Unanswered};
use http::HeaderMap;
use trainer::protocol::{PositionScores, Score, Sequence, SequenceScores};
use upstream::{Error, HttpUpstream, ScoreAsk, ScoreOutcome, Upstream as _};
use wire::openai::Prompt;
use wire::score::{ItemScores, ScoreItem, ScoreRequest};

use crate::failure::{Failure, Result};
use crate::serve::dialled;
use crate::settings::{Settings, Upstream};

/// The longest that a call may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Asked {
    upstream: Arc<HttpUpstream>,
    model: String,
    runtime: tokio::runtime::Handle,
}

impl Asked {
    /// The teacher that a run's settings name.
    ///
    /// # Errors
    /// The upstream is not in the settings any more, or can't be dialled by them.
    pub(super) fn new(
        settings: &Settings,
        served: &Served,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self> {
        let name = &served.upstream;
        let Some(Upstream::Servers(servers)) = settings.upstreams.get(name) else {
            let message = format!(
                "the run's teacher is behind the upstream `{name}`, which is not in the settings"
            );
            return Err(operations::Error::missing(message, None).into());
        };
        // It may start the connections' tasks.
        let _inside = runtime.enter();
        let built = HttpUpstream::new(&dialled(name, servers)?);
        let built = built.map_err(|source| Failure::Upstream {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            upstream: Arc::new(built),
            model: served.model.clone(),
            runtime,
        })
    }
}

impl Teacher for Asked {
    fn score(&self, question: &Score, key: &str) -> std::result::Result<Answer, Unanswered> {
        let refused = |why: String| Unanswered::Refused(why);
        let mut headers = HeaderMap::new();
        let value = key
            .parse()
            .map_err(|_| refused("the key is no header".into()))?;
        headers.insert("idempotency-key", value);
        let items = question.sequences.iter();
        let request = Arc::new(ScoreRequest {
            model: self.model.clone(),
            items: items.map(|sequence| item(question, sequence)).collect(),
        });
        let ask = self.upstream.score(ScoreAsk {
            request: Arc::clone(&request),
            headers,
            account: None,
            alone: false,
        });
        let asked = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, ask).await });
        let outcome = match asked {
            Err(_) => {
                let why = format!("no answer in {} s", PATIENCE.as_secs());
                return Err(Unanswered::Lost(why));
            }
            // Nothing was asked.
            Ok(Err(error @ (Error::Unreachable { .. } | Error::QueueFull { .. }))) => {
                return Err(refused(error.to_string()));
            }
            Ok(Err(error)) => return Err(Unanswered::Lost(error.to_string())),
            Ok(Ok(outcome)) => outcome,
        };
        match outcome {
            // Who failed on its own side may have computed it.
            ScoreOutcome::Refused { error, .. } if error.status >= 500 => {
                Err(Unanswered::Lost(error.message.to_string()))
            }
            ScoreOutcome::Refused { error, .. } => Err(refused(error.message.to_string())),
            ScoreOutcome::Unable { why, .. } => Err(refused(why)),
            ScoreOutcome::Told { scores, .. } => {
                let usage = scores.usage();
                // Told as it is also where it is impossible: it is paid all the same.
                let sequences = scores.items.iter().zip(&request.items);
                Ok(Answer {
                    revision: scores.revision.clone(),
                    sequences: sequences
                        .map(|(told, asked)| told_of(told, asked))
                        .collect(),
                    usage,
                })
            }
        }
    }
}

fn item(question: &Score, sequence: &Sequence) -> ScoreItem {
    ScoreItem {
        text: Prompt::Tokens(sequence.tokens.clone()),
        from: u32::try_from(sequence.from).unwrap_or(u32::MAX),
        top_k: question.top,
        ids_at: match sequence.ids.iter().all(Vec::is_empty) {
            true => Vec::new(),
            false => sequence.ids.clone(),
        },
        tail: true,
        temperature: (question.temperature != 1.0).then_some(question.temperature as f32),
    }
}

fn told_of(told: &ItemScores, asked: &ScoreItem) -> SequenceScores {
    let positions = told.positions.iter().enumerate().map(|(index, position)| {
        let ids = asked.ids_at.get(index).map_or(&[][..], Vec::as_slice);
        let at = position.at.iter().copied().map(Some);
        PositionScores {
            at: match position.at.len() == ids.len() {
                true => at.collect(),
                // A server that tells its own likeliest alone.
                false => ids.iter().map(|id| likeliest(&position.top, *id)).collect(),
            },
            top: position.top.clone(),
            tail: position.tail.map(|tail| f64::from(tail).exp()),
        }
    });
    SequenceScores {
        positions: positions.collect(),
    }
}

fn likeliest(top: &[(u32, f32)], id: u32) -> Option<f32> {
    top.iter()
        .find(|(known, _)| *known == id)
        .map(|(_, value)| *value)
}
