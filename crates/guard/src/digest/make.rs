//! Makes digests. The order of what is read is fixed, and nothing here allocates by the size of a
//! request but what is given back.

use std::sync::Arc;

use record::{Endpoint, Part, Piece, SaidAnswer, SaidRequest, Seen, SeenAccount, Speaker};

use super::chain::Messages;
use super::key::{HashKey, Keys, Purpose};
use super::meaning::{Common, Walk};
use super::phrases::{Counts, Phrases};
use super::prints::{self, Prints};
use super::sample::{self, Group};
use super::text::{Text, Word};
use super::{About, Api, Ask, Asked, Digest, MinHash, Origin, Position, Sizes, Template};

/// Words of a prompt's beginning and end that its template is looked for in.
const HEAD: usize = 96;
const TAIL: usize = 48;

/// Makes digests under one key. Cheap to clone; one is enough for all threads.
#[derive(Debug, Clone)]
pub struct Digester {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keys: Keys,
    common: Common,
    phrases: Phrases,
}

/// Buffers of one thread, used again from digest to digest. What they held is no part of the next.
#[derive(Debug, Default)]
pub struct Scratch {
    text: Text,
    prints: Prints,
    messages: Messages,
}

impl Digester {
    /// A maker of digests under this key.
    pub fn new(key: &HashKey) -> Self {
        let keys = Keys::new(key);
        Self {
            shared: Arc::new(Shared {
                common: Common::new(&keys),
                phrases: Phrases::new(&keys).expect("a test builds these very phrases"),
                keys,
            }),
        }
    }

    /// What is kept of an account beside its traffic.
    pub fn account(&self, account: &SeenAccount<'_>) -> About {
        About::of(&self.shared.keys, account)
    }

    /// The keyed hash of a model's name, as digests have it.
    pub fn model(&self, name: &str) -> u32 {
        label(&self.shared.keys, name)
    }

    /// The digest of an exchange.
    pub fn digest(&self, seen: &Seen<'_>, scratch: &mut Scratch) -> Digest {
        let Shared { keys, .. } = &*self.shared;
        let ask = sample::ask(&seen.request.pieces);
        let mut sizes = sizes(seen, ask);
        let budgets = sample::budgets(
            [sizes.ask, sizes.system, sizes.past, sizes.answer].map(|size| size as usize),
        );
        let read = |group: Group| Reading {
            shared: &self.shared,
            group,
            ask,
            budget: budgets[group as usize],
        };
        let mut skipped = 0;
        let mut asking = Counts::default();
        let mut template = Template::default();

        skipped += read(Group::System).all(&seen.request.pieces, scratch);
        self.shared.phrases.count(&scratch.text.plain, &mut asking);
        if !scratch.text.words.is_empty() {
            let words = scratch.text.words.iter().map(|word| word.slot);
            template.system = keys.words(Purpose::Exact, words) as u32;
        }
        shingles(keys, &scratch.text.words, &mut template.shingles);

        skipped += read(Group::Ask).all(&seen.request.pieces, scratch);
        self.shared.phrases.count(&scratch.text.plain, &mut asking);
        let ask_prints = scratch.prints.end(prints::OF_REQUEST);
        frame(keys, &scratch.text.words, &mut template);
        let about = self.about(&scratch.text.words);

        skipped += read(Group::Past).all(&seen.request.pieces, scratch);
        let past_prints = scratch.prints.end(prints::OF_REQUEST);

        let mut answering = Counts::default();
        skipped += read(Group::Answer).all(&seen.answer.pieces, scratch);
        self.shared
            .phrases
            .count(&scratch.text.plain, &mut answering);
        let answer_prints = scratch.prints.end(prints::OF_ANSWER);
        let answer = self.position(&scratch.text.words);

        sizes.skipped = narrow(skipped);
        scratch.messages.clear();
        let chain = scratch
            .messages
            .chain(keys, &seen.request.pieces, &seen.answer.pieces);
        Digest {
            endpoint: Api::of(seen.endpoint),
            model: label(keys, &seen.request.model),
            status: seen.status,
            cut: seen.cut,
            duration_ms: u32::try_from(seen.duration_us / 1000).unwrap_or(u32::MAX),
            asked: asked(keys, seen.request),
            sizes,
            usage: seen.usage,
            template,
            ask: about,
            asking,
            answering,
            answer,
            chain,
            answer_prints,
            ask_prints,
            past_prints,
            origin: Origin::of(keys, &seen.source),
        }
    }

    fn about(&self, words: &[Word]) -> Ask {
        if words.is_empty() {
            return Ask::default();
        }
        let keys = &self.shared.keys;
        let mut pairs = MinHash::default();
        for [one, next] in words.array_windows() {
            pairs.insert(keys.pair(Purpose::Pair, one.exact, next.exact));
        }
        if let [one] = words {
            pairs.insert(keys.pair(Purpose::Pair, one.exact, 0));
        }
        Ask {
            exact: keys.words(Purpose::Exact, words.iter().map(|word| word.exact)),
            pairs,
            position: self.position(words),
            words: narrow(words.len()),
        }
    }

    fn position(&self, words: &[Word]) -> Position {
        let mut walk = Walk::new();
        walk.add(&self.shared.common, words);
        walk.end()
    }
}

impl Api {
    const fn of(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Chat => Self::Chat,
            Endpoint::Completions => Self::Completions,
            Endpoint::Responses => Self::Responses,
            Endpoint::Embeddings => Self::Embeddings,
            Endpoint::Messages => Self::Messages,
            Endpoint::CountTokens | Endpoint::Models | Endpoint::Score | Endpoint::Listed(_) => {
                Self::Other
            }
        }
    }
}

/// One group of pieces to be read.
struct Reading<'r> {
    shared: &'r Shared,
    group: Group,
    ask: u32,
    budget: usize,
}

impl Reading<'_> {
    /// Reads the group's words and prints into the buffers; says how many bytes were left out.
    fn all(&self, pieces: &[Piece<'_>], scratch: &mut Scratch) -> usize {
        scratch.text.clear();
        scratch.prints.clear();
        let size: usize = self.mine(pieces).map(|piece| piece.text.len()).sum();
        if size <= self.budget {
            for piece in self.mine(pieces) {
                self.read(&piece.text, scratch);
            }
            return 0;
        }
        // The ranges count through all pieces as if they stood behind each other.
        let mut ranges = sample::ranges(size, self.budget).peekable();
        let (mut start, mut read) = (0, 0);
        for piece in self.mine(pieces) {
            let end = start + piece.text.len();
            while let Some(range) = ranges.peek().cloned() {
                let (from, to) = (range.start.max(start), range.end.min(end));
                if from < to {
                    self.read(
                        sample::slice(&piece.text, from - start..to - start),
                        scratch,
                    );
                    read += to - from;
                }
                if range.end > end {
                    break;
                }
                ranges.next();
            }
            start = end;
        }
        size - read
    }

    fn mine<'p, 'a>(&self, pieces: &'p [Piece<'a>]) -> impl Iterator<Item = &'p Piece<'a>> {
        let (group, ask) = (self.group, self.ask);
        pieces
            .iter()
            .filter(move |piece| group == Group::Answer || sample::group(piece, ask) == group)
    }

    fn read(&self, piece: &str, scratch: &mut Scratch) {
        let before = scratch.text.words.len();
        scratch.text.read(&self.shared.keys, piece);
        if self.group != Group::System {
            let words = &scratch.text.words[before..];
            scratch.prints.read(&self.shared.keys, words);
        }
    }
}

fn shingles(keys: &Keys, words: &[Word], sketch: &mut MinHash<32>) {
    let head = &words[..words.len().min(HEAD)];
    let tail = &words[head.len().max(words.len().saturating_sub(TAIL))..];
    for part in [head, tail] {
        for shingle in part.array_windows() {
            let shingle = shingle.map(|word: Word| word.slot);
            sketch.insert(keys.shingle(Purpose::Template, &shingle));
        }
    }
}

fn frame(keys: &Keys, words: &[Word], template: &mut Template) {
    let hash = |words: &[Word]| {
        let slots = words.iter().map(|word| word.slot);
        (keys.words(Purpose::Template, slots) as u32).max(1)
    };
    for (head, length) in template.heads.iter_mut().zip([4, 8, 16]) {
        *head = words.get(..length).map_or(0, hash);
    }
    for (tail, length) in template.tails.iter_mut().zip([4, 8]) {
        let from = words.len().checked_sub(length);
        *tail = from.map_or(0, |from| hash(&words[from..]));
    }
    shingles(keys, words, &mut template.shingles);
}

fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn label(keys: &Keys, text: &str) -> u32 {
    if text.is_empty() {
        return 0;
    }
    // A schema of a megabyte is told from another by its length, its beginning and its end.
    let bytes = text.as_bytes();
    let parts = sample::ranges(bytes.len(), 4096).map(|range| {
        let part = &bytes[range];
        keys.bytes(Purpose::Label, part)
    });
    (keys.words(Purpose::Label, parts.chain([bytes.len() as u64])) as u32).max(1)
}

fn asked(keys: &Keys, request: &SaidRequest<'_>) -> Asked {
    let parameters = &request.parameters;
    Asked {
        n: parameters.n,
        max_tokens: parameters.max_tokens,
        temperature: parameters.temperature,
        top_p: parameters.top_p,
        logprobs: parameters.logprobs,
        prompt_logprobs: parameters.prompt_logprobs,
        logit_bias: parameters.logit_bias,
        seed: parameters.seed,
        stop: parameters.stop,
        stream: parameters.stream,
        reasoning: parameters.reasoning,
        form: parameters.form,
        schema: label(keys, request.schema.unwrap_or_default()),
        tools: parameters.tools,
        toolset: label(keys, request.tools.unwrap_or_default()),
        prompts: parameters.prompts,
    }
}

fn sizes(seen: &Seen<'_>, ask: u32) -> Sizes {
    let (request, answer): (&SaidRequest<'_>, &SaidAnswer<'_>) = (seen.request, seen.answer);
    let wide = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut sizes = Sizes {
        request: wide(seen.request_bytes),
        response: wide(seen.response_bytes),
        choices: answer.choices,
        full: answer.full,
        unread: request.unread.saturating_add(answer.unread),
        ..Sizes::default()
    };
    let mut turn = None;
    for piece in &request.pieces {
        let size = narrow(piece.text.len());
        let of = match sample::group(piece, ask) {
            Group::System => &mut sizes.system,
            Group::Ask => &mut sizes.ask,
            Group::Past | Group::Answer => &mut sizes.past,
        };
        *of = of.saturating_add(size);
        if turn.replace((piece.turn, piece.speaker)) != Some((piece.turn, piece.speaker)) {
            sizes.messages = sizes.messages.saturating_add(1);
            match piece.speaker {
                Speaker::Assistant => sizes.answers = sizes.answers.saturating_add(1),
                Speaker::Tool => sizes.results = sizes.results.saturating_add(1),
                _ => {}
            }
        }
        match piece.part {
            Part::Media => sizes.media = sizes.media.saturating_add(1),
            Part::Ids => sizes.ids = sizes.ids.saturating_add(1),
            _ => {}
        }
    }
    for piece in &answer.pieces {
        let size = narrow(piece.text.len());
        sizes.answer = sizes.answer.saturating_add(size);
        match piece.part {
            Part::Reasoning => sizes.reasoning = sizes.reasoning.saturating_add(size),
            Part::Call => sizes.calls = sizes.calls.saturating_add(1),
            Part::Media => sizes.media = sizes.media.saturating_add(1),
            _ => {}
        }
    }
    sizes
}
