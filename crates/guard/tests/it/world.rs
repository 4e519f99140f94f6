//! Exchanges for tests, built from what matters to each.

use std::borrow::Cow;

use guard::digest::{Digest, Digester, HashKey, Scratch};
use record::{
    Endpoint, Parameters, Part, Piece, SaidAnswer, SaidRequest, Seen, Source, Speaker, Usage,
    UsageSource,
};

/// One exchange; every text is owned, so that it can be kept.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) endpoint: Endpoint,
    pub(crate) request: SaidRequest<'static>,
    pub(crate) answer: SaidAnswer<'static>,
    pub(crate) source: Source<'static>,
    pub(crate) status: u16,
}

pub(crate) fn piece(speaker: Speaker, turn: u32, text: &str) -> Piece<'static> {
    Piece {
        speaker,
        part: Part::Text,
        turn,
        text: Cow::Owned(text.to_owned()),
    }
}

/// A chat of these messages, and its answer.
pub(crate) fn chat(messages: &[(Speaker, &str)], answer: &str) -> Exchange {
    let pieces = messages.iter().zip(1..);
    Exchange {
        endpoint: Endpoint::Chat,
        request: SaidRequest {
            model: "large".into(),
            parameters: Parameters {
                prompts: 1,
                ..Parameters::default()
            },
            pieces: pieces
                .map(|((speaker, text), turn)| piece(*speaker, turn, text))
                .collect(),
            ..SaidRequest::default()
        },
        answer: SaidAnswer {
            pieces: vec![piece(Speaker::Assistant, 0, answer)],
            choices: 1,
            ..SaidAnswer::default()
        },
        source: Source {
            address: "192.0.2.44",
            user_agent: "openai-python/1.52.0",
            ..Source::default()
        },
        status: 200,
    }
}

/// A chat of one question.
pub(crate) fn ask(question: &str) -> Exchange {
    chat(&[(Speaker::User, question)], "")
}

impl Exchange {
    pub(crate) fn digest_by(&self, key: u8) -> Digest {
        self.digest_with(&Digester::new(&HashKey::new([key; 32])))
    }

    pub(crate) fn digest_with(&self, digester: &Digester) -> Digest {
        let seen = Seen {
            endpoint: &self.endpoint,
            request: &self.request,
            answer: &self.answer,
            request_bytes: 1000,
            response_bytes: 2000,
            usage: Some(Usage {
                input: 300,
                cached_input: 0,
                output: 500,
                reasoning: 0,
                source: UsageSource::Upstream,
            }),
            duration_us: 2_500_000,
            status: self.status,
            cut: false,
            source: self.source,
        };
        digester.digest(&seen, &mut Scratch::default())
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest_by(7)
    }
}
