//! `/v1/score`: a request that is accepted is written and read to the same value, within its bounds;
//! whatever a server answers is refused or checked without a panic; and scores that are possible come
//! back through our own answer to the bit.
//!
//! Input: the request's body, a NUL, the answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::Time;
use wire::score::{
    MOST_ITEMS, MOST_TOKENS, ScoreAnswer, ScoreRequest, Scores, completions_body, read_completions,
};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let body = parts.next().unwrap_or_default();
    let answer = parts.next().unwrap_or_default();
    let request = match ScoreRequest::read(body) {
        Ok(request) => request,
        Err(error) => {
            assert_eq!(error.status, 400, "{error:?}");
            return;
        }
    };
    assert!((1..=MOST_ITEMS).contains(&request.items.len()));
    assert!(request.worst_tokens() <= MOST_TOKENS as u64);
    assert_eq!(ScoreRequest::read(&request.bytes()).as_ref(), Ok(&request));
    if completions_body(&request).is_ok()
        && let Ok(Some(scores)) = read_completions(answer, &request)
    {
        look(&scores, &request);
    }
    if let Ok(scores) = Scores::read(answer) {
        look(&scores, &request);
    }
});

fn look(scores: &Scores, request: &ScoreRequest) {
    if scores.check(request).is_err() {
        return;
    }
    let answer = ScoreAnswer {
        id: "r",
        created: Time::default(),
        model: "m",
        scores,
    };
    let again = Scores::read(&answer.bytes()).expect("our own answer is read");
    for (one, two) in scores.items.iter().zip(&again.items) {
        assert_eq!(one.difference(two).most, 0.0);
    }
    assert_eq!(again.check(request), Ok(()));
}
