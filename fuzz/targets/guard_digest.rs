//! Bodies of any content become digests without a panic, bounded and without their text; any bytes
//! are a digest or a profile or are refused, and what is read is written the same.
#![no_main]

use std::sync::LazyLock;

use guard::digest::{Digest, Digester, HashKey, LONGEST, Scratch};
use guard::profile::{Echoes, Hot, Profile, Sketcher};
use libfuzzer_sys::fuzz_target;
use record::{Endpoint, Seen, Source, Time};
use wire::seen;

static DIGESTER: LazyLock<Digester> = LazyLock::new(|| Digester::new(&HashKey::new([7; 32])));
static SKETCHER: LazyLock<Sketcher> = LazyLock::new(|| Sketcher::new(&HashKey::new([7; 32])));

fuzz_target!(|data: &[u8]| {
    let Some((place, rest)) = data.split_first() else {
        return;
    };
    if let Ok(digest) = Digest::decode(rest) {
        assert_eq!(digest.encode(), rest);
    }
    if let Ok(profile) = Profile::decode(rest) {
        assert_eq!(profile.encode(), rest);
    }
    let endpoints = [
        Endpoint::Chat,
        Endpoint::Completions,
        Endpoint::Responses,
        Endpoint::Embeddings,
        Endpoint::Messages,
        Endpoint::Listed("/x".into()),
    ];
    let endpoint = &endpoints[usize::from(*place) % endpoints.len()];
    let split = rest.iter().position(|byte| *byte == 0);
    let (asked, answered) = rest.split_at(split.unwrap_or(rest.len()));
    let request = seen::request(endpoint, asked);
    let answer = seen::answer(endpoint, answered.get(1..).unwrap_or_default());
    let seen = Seen {
        endpoint,
        request: &request,
        answer: &answer,
        request_bytes: asked.len() as u64,
        response_bytes: answered.len() as u64,
        usage: None,
        duration_us: 5,
        status: 200,
        cut: false,
        source: Source::default(),
    };
    let digest = DIGESTER.digest(&seen, &mut Scratch::default());
    let bytes = digest.encode();
    assert!(bytes.len() <= LONGEST);
    assert_eq!(Digest::decode(&bytes).as_ref(), Ok(&digest));
    let event = SKETCHER.event(1, Time::from_micros(7), &digest, Echoes::default());
    let mut hot = Hot::default();
    hot.add(&event);
    let profile = Profile::Hot(Box::new(hot));
    assert_eq!(Profile::decode(&profile.encode()), Ok(profile));
});
