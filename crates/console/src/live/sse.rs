//! The form of server-sent events, and the pace of a stream of them.

use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use crate::auth::Viewer;
use crate::refusal::Refusal;
use crate::state::App;

/// How often a stream looks for news.
const TICK: Duration = Duration::from_millis(250);
/// How often it says that it is there, where there are none.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What makes the events of one stream.
pub(super) trait Source: Send + Sync + 'static {
    /// What came since the last look, written; `true` beside it: the stream ends with it.
    fn look(&mut self, app: &App) -> impl Future<Output = Result<(String, bool), Refusal>> + Send;
}

/// One event. Its data is one line, as JSON is.
pub(super) fn event(name: &str, id: Option<u64>, data: &impl Serialize) -> String {
    // Plain data with text keys: writing it to memory can't fail.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n")
}

/// The answer that streams a source to somebody.
///
/// # Errors
/// There are as many streams as there may be.
pub(super) fn stream(
    app: &App,
    viewer: Viewer,
    verb: &'static operations::Verb,
    source: impl Source,
) -> Result<Response, Refusal> {
    viewer.may(verb)?;
    let room = std::sync::Arc::clone(&app.streams).try_acquire_owned();
    let permit =
        room.map_err(|_| Refusal::Busy("there are as many live streams as there may be"))?;
    let running = Running {
        app: App::clone(app),
        viewer,
        verb,
        source,
        spoken: Instant::now(),
        over: false,
        _permit: permit,
    };
    let greeting = futures_util::stream::once(async { Ok(Bytes::from_static(b"retry: 2000\n\n")) });
    let events = futures_util::stream::unfold(running, Running::next);
    let body = futures_util::StreamExt::chain(greeting, events);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy before it must not wait for more.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// A stream that runs; it ends where it is dropped, with its place among the streams.
struct Running<S> {
    app: App,
    viewer: Viewer,
    verb: &'static operations::Verb,
    source: S,
    spoken: Instant,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

type Chunk = Result<Bytes, std::convert::Infallible>;

impl<S: Source> Running<S> {
    /// The next piece; `None` at the end.
    async fn next(mut self) -> Option<(Chunk, Self)> {
        while !self.over && self.waits().await {
            let allowed = self.viewer.now(&self.app)?;
            allowed.may(self.verb).ok()?;
            let (mut text, over) = match self.source.look(&self.app).await {
                Ok(looked) => looked,
                Err(refusal) => (event("problem", None, &refusal.problem()), true),
            };
            self.over = over;
            if text.is_empty() && self.spoken.elapsed() >= HEARTBEAT {
                text = ": still there\n\n".to_owned();
            }
            if !text.is_empty() {
                self.spoken = Instant::now();
                return Some((Ok(Bytes::from(text)), self));
            }
        }
        None
    }

    /// Waits for the next look; `false` where the server stops.
    async fn waits(&self) -> bool {
        let mut stop = self.app.stop.clone();
        tokio::select! {
            () = sleep(TICK) => true,
            () = async { drop(stop.wait_for(|stop| *stop).await) } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_lines_and_an_empty_one() {
        let data = serde_json::json!({ "a": "b\nc" });
        assert_eq!(
            event("x", Some(7), &data),
            "id: 7\nevent: x\ndata: {\"a\":\"b\\nc\"}\n\n"
        );
        assert_eq!(event("x", None, &1), "event: x\ndata: 1\n\n");
    }
}
