//! The check of the whole ledger as a job: one at a time, started, looked at, followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use operations::Error;
use operations::ledger::Verified;
use parking_lot::Mutex;
use record::Time;
use serde::Serialize;

use super::sse::{self, Source, event};
use crate::auth::{Caller, Viewer};
use crate::refusal::Refusal;
use crate::state::App;

/// The last check, which may still run.
#[derive(Default)]
pub(crate) struct Verification {
    seen: Mutex<Seen>,
    at: AtomicU64,
}

/// How a check is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    state: Stage,
    /// Who started it.
    by: Option<String>,
    started: Option<String>,
    ended: Option<String>,
    /// The entry that is checked.
    at: u64,
    /// The last entry when it was started.
    of: u64,
    report: Option<Verified>,
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Never,
    Running,
    Done,
    Failed,
}

impl Verification {
    /// How it is, now.
    pub(crate) fn seen(&self) -> Seen {
        let mut seen = self.seen.lock().clone();
        if seen.state == Stage::Running {
            seen.at = self.at.load(Ordering::Relaxed);
        }
        seen
    }

    /// Starts a check, on a thread of its own.
    ///
    /// # Errors
    /// One runs.
    pub(crate) fn start(app: &App, viewer: &Viewer) -> Result<Seen, Refusal> {
        let ledger = app.house.facts.ledger();
        let (reader, of) = (ledger.reader(), ledger.health().appended);
        {
            let mut seen = app.verification.seen.lock();
            if seen.state == Stage::Running {
                return Err(Refusal::Verb(Error::Conflict {
                    message: "a check runs already".to_owned(),
                    hint: Some("follow it at /api/v1/ledger/verify/live".to_owned()),
                }));
            }
            *seen = Seen {
                state: Stage::Running,
                by: Some(viewer.name.clone()),
                started: Some((app.house.clock)().rfc3339()),
                of,
                ..Seen::default()
            };
            app.verification.at.store(0, Ordering::Relaxed);
        }
        let (job, clock) = (Arc::clone(&app.verification), Arc::clone(&app.house.clock));
        tokio::spawn(async move {
            let ran = Arc::clone(&job);
            let checked = tokio::task::spawn_blocking(move || {
                let mut progress = |seq| ran.at.store(seq, Ordering::Relaxed);
                operations::ledger::verify_with(&reader, &mut progress)
            });
            let checked = checked.await.unwrap_or_else(|_| {
                Err(Error::Internal {
                    message: "the check broke off; see the server's log".to_owned(),
                    hint: None,
                })
            });
            job.end(checked, clock());
        });
        Ok(app.verification.seen())
    }

    fn end(&self, checked: operations::Result<Verified>, now: Time) {
        let mut seen = self.seen.lock();
        seen.ended = Some(now.rfc3339());
        seen.at = self.at.load(Ordering::Relaxed);
        match checked {
            Ok(report) => {
                seen.state = Stage::Done;
                seen.at = report.tip;
                seen.report = Some(report);
            }
            Err(error) => {
                seen.state = Stage::Failed;
                seen.error = Some(error.to_string());
            }
        }
    }
}

fn verb() -> Result<&'static operations::Verb, Refusal> {
    operations::verb("ledger", "verify").ok_or_else(Refusal::broke_off)
}

/// `POST /api/v1/ledger/verify`: starts a check.
pub(super) async fn start(
    State(app): State<App>,
    Caller(viewer): Caller,
) -> Result<(StatusCode, Json<Seen>), Refusal> {
    viewer.may(verb()?)?;
    let seen = Verification::start(&app, &viewer)?;
    Ok((StatusCode::ACCEPTED, Json(seen)))
}

/// `GET /api/v1/ledger/verify`: how the last check is.
pub(super) async fn state(
    State(app): State<App>,
    Caller(viewer): Caller,
) -> Result<Json<Seen>, Refusal> {
    viewer.may(verb()?)?;
    Ok(Json(app.verification.seen()))
}

/// `GET /api/v1/ledger/verify/live`: the same as it goes, until it ends.
pub(super) async fn live(
    State(app): State<App>,
    Caller(viewer): Caller,
) -> Result<Response, Refusal> {
    sse::stream(&app, viewer, verb()?, Followed { told: None })
}

struct Followed {
    told: Option<Seen>,
}

impl Source for Followed {
    async fn look(&mut self, app: &App) -> Result<(String, bool), Refusal> {
        let seen = app.verification.seen();
        let is_over = seen.state != Stage::Running;
        if !is_over && self.told.as_ref() == Some(&seen) {
            return Ok((String::new(), false));
        }
        let name = if is_over { "done" } else { "progress" };
        let text = event(name, None, &seen);
        self.told = Some(seen);
        Ok((text, is_over))
    }
}
