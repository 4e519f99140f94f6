//! A teacher behind an upstream of the settings, asked for scores and texts as the gateway asks it.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distill::Spec;
use distill::spec::Served;
use distill::teacher::{Answer, Reply, Teacher, Text, Unanswered};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use trainer::protocol::{PositionScores, Score, Sequence, SequenceScores};
use upstream::{AnswerBody, Ask, Error, HttpUpstream, ScoreAsk, ScoreOutcome, Upstream as _};
use wire::ApiError;
use wire::score::{ItemScores, ScoreItem, ScoreRequest};

use crate::failure::{Failure, Result};
use crate::serve::dialled;
use crate::settings::{Settings, Upstream};

/// The longest that a call may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// The longest that a server may tell to wait: else the run is paused.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How our own door says that the first request with a key still runs.
const IN_USE: &str = "idempotency_key_in_use";

/// A teacher that is asked over HTTP.
#[derive(Clone)]
pub(crate) struct Asked {
    upstream: Arc<HttpUpstream>,
    model: String,
    runtime: tokio::runtime::Handle,
}

impl Asked {
    /// The teachers of a run that are elsewhere, by name.
    ///
    /// # Errors
    /// As [`new`](Self::new), of the first.
    pub(crate) fn all(
        settings: &Settings,
        spec: &Spec,
        runtime: &tokio::runtime::Handle,
    ) -> Result<BTreeMap<String, Self>> {
        let served = spec.all_teachers();
        let served = served.filter_map(|teacher| Some((teacher, teacher.served.as_ref()?)));
        let one = |(teacher, served): (&distill::spec::Teacher, &Served)| {
            let asked = Self::new(settings, served, runtime.clone())?;
            Ok((teacher.name.clone(), asked))
        };
        served.map(one).collect()
    }

    /// As the driver takes them.
    pub(crate) fn named(all: &BTreeMap<String, Self>) -> BTreeMap<String, &dyn Teacher> {
        let named = all.iter();
        named
            .map(|(name, asked)| (name.clone(), asked as &dyn Teacher))
            .collect()
    }

    /// The teacher that a run's settings name.
    ///
    /// # Errors
    /// The upstream is not in the settings any more, or can't be dialled by them.
    pub(crate) fn new(
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

impl Asked {
    /// Waits for what a question comes to. One that is told to come again later, or that the server
    /// still works at from a life before, is asked again; only so long as patience lasts.
    async fn patiently<T, F>(ask: impl Fn() -> F) -> std::result::Result<T, Unanswered>
    where
        F: Future<Output = std::result::Result<T, Not>>,
    {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let not = match tokio::time::timeout(left, ask()).await {
                Ok(Ok(told)) => return Ok(told),
                Ok(Err(not)) => not,
                Err(_) => {
                    let why = format!("no answer in {} s", PATIENCE.as_secs());
                    return Err(Unanswered::Lost(why));
                }
            };
            match not {
                Not::Now { after, .. } if began.elapsed() + after < PATIENCE => {
                    tokio::time::sleep(after).await;
                }
                Not::Now {
                    why, lost: true, ..
                } => return Err(Unanswered::Lost(why)),
                Not::Now { why, .. } => return Err(Unanswered::Refused(why)),
                Not::Ever(unanswered) => return Err(unanswered),
            }
        }
    }

    async fn text(&self, asked: &Text, key: &str) -> std::result::Result<Reply, Not> {
        let (endpoint, body) = text::body(&self.model, asked);
        let answer = self.upstream.ask(Ask {
            endpoint: endpoint.clone(),
            query: None,
            body,
            streamed: false,
            headers: headers(key)?,
            account: None,
        });
        let answer = answer.await.map_err(|error| Not::reached(&error))?;
        let AnswerBody::Whole(body) = answer.body else {
            let why = "it answered a stream that was not asked for".to_owned();
            return Err(Not::Ever(Unanswered::Lost(why)));
        };
        if !answer.status.is_success() {
            let error = ApiError::from_upstream(answer.status.as_u16(), &body);
            return Err(Not::refused(&error, &answer.headers));
        }
        text::read(&endpoint, &body, asked).map_err(|why| Not::Ever(Unanswered::Lost(why)))
    }
}

/// Why there is no answer now.
enum Not {
    /// Another try may bring it. `lost`: it may be owed.
    Now {
        after: Duration,
        why: String,
        lost: bool,
    },
    /// There will be none.
    Ever(Unanswered),
}

impl Not {
    fn reached(error: &Error) -> Self {
        let why = error.to_string();
        match error {
            Error::QueueFull { retry_after, .. } => Self::Now {
                after: *retry_after,
                why,
                lost: false,
            },
            // Nothing was asked.
            Error::Unreachable { .. } => Self::Ever(Unanswered::Refused(why)),
            _ => Self::Ever(Unanswered::Lost(why)),
        }
    }

    fn refused(error: &ApiError, headers: &HeaderMap) -> Self {
        let why = format!("{}: {}", error.status, error.message);
        if error.code.as_deref() == Some(IN_USE) {
            return Self::Now {
                after: Duration::from_secs(1),
                why,
                lost: true,
            };
        }
        let after = headers.get(RETRY_AFTER);
        let after = after.and_then(|after| after.to_str().ok()?.parse().ok());
        match (error.status, after.map(Duration::from_secs)) {
            (429 | 503, Some(after)) if after <= LONGEST_WAIT => Self::Now {
                after: after.max(Duration::from_millis(100)),
                why,
                lost: false,
            },
            // Who failed on its own side may have computed it.
            (500.., _) => Self::Ever(Unanswered::Lost(why)),
            _ => Self::Ever(Unanswered::Refused(why)),
        }
    }
}

impl Teacher for Asked {
    fn score(&self, question: &Score, key: &str) -> std::result::Result<Answer, Unanswered> {
        let items = question.sequences.iter();
        let request = Arc::new(ScoreRequest {
            model: self.model.clone(),
            items: items.map(|sequence| item(question, sequence)).collect(),
        });
        let ask = || async {
            let asked = self.upstream.score(ScoreAsk {
                request: Arc::clone(&request),
                headers: headers(key)?,
                account: None,
                alone: false,
            });
            match asked.await.map_err(|error| Not::reached(&error))? {
                ScoreOutcome::Told { scores, .. } => Ok(scores),
                ScoreOutcome::Refused { error, headers, .. } => Err(Not::refused(&error, &headers)),
                ScoreOutcome::Unable { why, .. } => Err(Not::Ever(Unanswered::Refused(why))),
            }
        };
        let scores = self.runtime.block_on(Self::patiently(ask))?;
        let usage = scores.usage();
        // Told as it is also where it is impossible: it is paid all the same.
        let sequences = scores.items.iter().zip(&request.items);
        Ok(Answer {
            sequences: sequences
                .map(|(told, asked)| told_of(told, asked))
                .collect(),
            usage,
            revision: scores.revision,
        })
    }

    fn write(&self, texts: &[(&Text, &str)]) -> Vec<std::result::Result<Reply, Unanswered>> {
        let asked = texts.iter().map(|(text, key)| {
            let (this, text, key) = (self.clone(), (*text).clone(), (*key).to_owned());
            self.runtime
                .spawn(async move { Self::patiently(|| this.text(&text, &key)).await })
        });
        let asked: Vec<_> = asked.collect();
        let told = asked.into_iter().map(|task| {
            let broke = |error: tokio::task::JoinError| Err(Unanswered::Lost(error.to_string()));
            self.runtime.block_on(task).unwrap_or_else(broke)
        });
        told.collect()
    }
}

fn headers(key: &str) -> std::result::Result<HeaderMap, Not> {
    let mut headers = HeaderMap::new();
    let no_header = |_| Not::Ever(Unanswered::Refused("the key is no header".into()));
    headers.insert("idempotency-key", key.parse().map_err(no_header)?);
    Ok(headers)
}

fn item(question: &Score, sequence: &Sequence) -> ScoreItem {
    ScoreItem {
        text: wire::openai::Prompt::Tokens(sequence.tokens.clone()),
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
