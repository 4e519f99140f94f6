//! Real prompts of a set as marks of the window test. Nothing is judged here.

use std::io::{BufRead, BufReader};
use std::path::Path;

use guard::digest::{DIMENSIONS, Digester, HashKey, Scratch};
use guard::window::Mark;
use record::{Endpoint, Seen, Source};
use serde_json::Value;

use crate::error::SimError;
use crate::measure::fold::KEY;

/// Reads sets of prompts.
pub(super) struct Digests {
    digester: Digester,
    scratch: Scratch,
}

impl Digests {
    pub(super) fn new() -> Self {
        Self {
            digester: Digester::new(&HashKey::new(KEY)),
            scratch: Scratch::default(),
        }
    }

    /// The marks and positions of a set's prompts, each the first user turn alone.
    pub(super) fn read(
        &mut self,
        folder: &Path,
        name: &str,
    ) -> Result<Vec<(Mark, [i8; DIMENSIONS])>, SimError> {
        let path = folder.join(format!("{name}.jsonl.zst"));
        let file = std::fs::File::open(&path).map_err(|_| SimError::DataMissing(path.clone()))?;
        let what = || format!("reading {}", path.display());
        let mut decoder = zstd::Decoder::new(file).map_err(SimError::io(what()))?;
        decoder.window_log_max(27).map_err(SimError::io(what()))?;
        let mut all = Vec::new();
        for line in BufReader::new(decoder).lines() {
            let line = line.map_err(SimError::io(what()))?;
            let record: Value = serde_json::from_str(&line)
                .map_err(|err| SimError::World(format!("{}: {err}", path.display())))?;
            let messages = record["messages"].as_array();
            let first = messages.and_then(|all| all.iter().find(|one| one["role"] == "user"));
            // Where the set's wrapper is ours, what was wrapped.
            let inner = record["meta"]["text"].as_str();
            let Some(text) = inner.or_else(|| first?["content"].as_str()) else {
                continue;
            };
            all.push(self.mark(text)?);
        }
        Ok(all)
    }

    fn mark(&mut self, text: &str) -> Result<(Mark, [i8; DIMENSIONS]), SimError> {
        let body = serde_json::json!({
            "messages": [{"content": text, "role": "user"}], "model": "m1",
        });
        let body =
            serde_json::to_vec(&body).map_err(|err| SimError::io("writing a body")(err.into()))?;
        let said = wire::seen::request(&Endpoint::Chat, &body);
        let answered = wire::seen::answer(&Endpoint::Chat, &[]);
        let seen = Seen {
            endpoint: &Endpoint::Chat,
            request: &said,
            answer: &answered,
            request_bytes: body.len() as u64,
            response_bytes: 0,
            usage: None,
            duration_us: 0,
            status: 200,
            cut: false,
            source: Source::default(),
        };
        let digest = self.digester.digest(&seen, &mut self.scratch);
        Ok((Mark::new(&digest), *digest.ask.position.coordinates()))
    }
}
