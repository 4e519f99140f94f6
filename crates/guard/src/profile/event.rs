//! One exchange as profiles take it in: bins and hashes worked out once, added to as many profiles
//! as it belongs to.

use record::Time;

use super::mix;
use crate::digest::{DIMENSIONS, Digest, FAMILIES_COUNT, HashKey};

/// Lengths of time at which burstiness is looked at.
pub const CLOCKS: usize = 4;
const CLOCK_US: [u64; CLOCKS] = [1_000_000, 10_000_000, 60_000_000, 600_000_000];
const HOUR_US: u64 = 3_600_000_000;
/// How long two accounts that ask the same count as doing so together.
const MOMENT_US: u64 = 300_000_000;
/// Random features of a position.
pub const FEATURES: usize = 48;

/// What the bins of `answered` count: statuses, and clients that left.
pub const ANSWERED: [&str; 6] = ["2xx", "429", "401 and 403", "other 4xx", "5xx", "cut"];

/// What the bins of `asked` count: exchanges with each parameter, then by ranges.
pub const ASKED: [&str; 44] = [
    "many answers",
    "four answers or more",
    "log-probabilities",
    "five alternatives or more",
    "log-probabilities of the prompt",
    "logit bias",
    "seed",
    "stop",
    "stream",
    "reasoning",
    "json",
    "schema",
    "tools",
    "many prompts",
    "media",
    "ids",
    // Temperature.
    "none said",
    "0",
    "to 0.3",
    "to 0.6",
    "to 0.8",
    "to 0.99",
    "1",
    "above 1",
    // Most tokens.
    "no limit",
    "to 15",
    "to 63",
    "to 255",
    "to 511",
    "to 1023",
    "to 2047",
    "to 4095",
    "to 8191",
    "above 8191",
    // API.
    "chat",
    "completions",
    "responses",
    "embeddings",
    "messages",
    "other",
    // Of the answer.
    "answer as long as allowed",
    "answer with calls",
    "parts not understood",
    "text not all read",
];

/// What the bins of `sized` count: bytes by powers of two from 32, messages, share of the limit.
pub const SIZED: [&str; 48] = [
    "ask to 31",
    "ask to 63",
    "ask to 127",
    "ask to 255",
    "ask to 511",
    "ask to 1023",
    "ask to 2047",
    "ask to 4095",
    "ask to 8191",
    "ask to 16383",
    "ask to 32767",
    "ask above",
    "answer to 31",
    "answer to 63",
    "answer to 127",
    "answer to 255",
    "answer to 511",
    "answer to 1023",
    "answer to 2047",
    "answer to 4095",
    "answer to 8191",
    "answer to 16383",
    "answer to 32767",
    "answer above",
    "context to 31",
    "context to 63",
    "context to 127",
    "context to 255",
    "context to 511",
    "context to 1023",
    "context to 2047",
    "context to 4095",
    "context to 8191",
    "context to 16383",
    "context to 32767",
    "context above",
    "no message",
    "1 message",
    "2 messages",
    "3 messages",
    "4 to 7 messages",
    "8 messages or more",
    "less than a quarter of the limit",
    "a quarter of it",
    "half of it",
    "three quarters of it",
    "all of it",
    "no limit or no tokens known",
];

/// What the bins of `named` count after those of the request's families: exchanges with this.
pub const NAMED_MORE: [&str; 5] = [
    "refusal in the answer",
    "thinking in the answer",
    "sides of a conversation in the answer",
    "grading of given candidates",
    "phrases of three harvesting families or more",
];

/// Bins of `named`: one for each family of phrases in the request, then [`NAMED_MORE`].
pub const NAMED: usize = FAMILIES_COUNT + NAMED_MORE.len();

/// What is known of an exchange's echoes; worked out elsewhere, from the digests of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Echoes {
    /// It carries an answer that its own account got in another conversation.
    pub own: bool,
    /// It carries an answer that another account got.
    pub other: bool,
    /// It grades such an answer.
    pub graded: bool,
    /// It goes on with a conversation that another account began.
    pub continued: bool,
}

/// What the bins of `ways` count: how an exchange stands to those before it.
pub const WAYS: [&str; 24] = [
    "goes on from our answer",
    "history that we did not give",
    "no history",
    "asked by others too",
    "template of many accounts",
    "asked by itself before",
    "nearly asked before",
    "half of it asked before",
    "new, alone, long answer",
    "new, alone, short answer",
    "answer far longer than the question",
    "own answers in the conversation",
    "everybody's text in the question",
    "much of an own answer",
    "much of another's answer",
    "answers of several other accounts",
    "grading of what we did not answer",
    "grading of what we answered",
    "log-probabilities or several answers, asked anew",
    "before the one before ended",
    "within two seconds",
    "within twenty seconds",
    "within five minutes",
    "later",
];

/// The [`WAYS`] of one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways(u32);

impl Ways {
    /// Adds the way of this place, if it is so.
    #[must_use]
    pub const fn with(self, place: usize, is: bool) -> Self {
        Self(self.0 | (is as u32) << place)
    }

    /// The places of its ways.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..WAYS.len()).filter(move |place| self.0 >> place & 1 == 1)
    }
}

/// Works out events, under the key of the digests.
#[derive(Debug, Clone)]
pub struct Sketcher {
    salt: u64,
    rows: Box<[[i8; DIMENSIONS]; FEATURES]>,
    phases: [u8; FEATURES],
}

/// One exchange, ready to be added.
#[derive(Debug, Clone)]
pub struct Event<'d> {
    pub(super) digest: &'d Digest,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) week_hour: usize,
    pub(super) twelfth: usize,
    pub(super) clocks: [u64; CLOCKS],
    pub(super) moment: u32,
    pub(super) template: u32,
    pub(super) order: u32,
    salt: u64,
    pub(super) cell: u64,
    pub(super) mean: [i8; DIMENSIONS],
    pub(super) features: [i8; FEATURES],
    pub(super) echoes: Echoes,
    pub(crate) ways: Ways,
}

impl Sketcher {
    /// The sketcher of a deployment.
    pub fn new(key: &HashKey) -> Self {
        let mut stream = key.stream(b"stillhouse guard profile v1");
        let mut byte = || {
            let mut one = [0];
            stream.fill(&mut one);
            one[0]
        };
        // Sums of four even bytes are near enough to normal; their deviation is 37.
        let mut normal = || {
            let sum: i32 = (0..4).map(|_| i32::from(byte()) - 128).sum();
            (sum / 4) as i8
        };
        let rows = Box::new([(); FEATURES].map(|()| [(); DIMENSIONS].map(|()| normal())));
        let phases = [(); FEATURES].map(|()| byte());
        let salt = (0..8).fold(0, |salt, _| salt << 8 | u64::from(byte()));
        Self { salt, rows, phases }
    }

    /// The event of an exchange that arrived then. `exchange` is a number of its own, of which
    /// nothing but equality matters; the same exchange must always have the same one.
    pub fn event<'d>(
        &self,
        exchange: u64,
        arrived: Time,
        digest: &'d Digest,
        echoes: Echoes,
    ) -> Event<'d> {
        let micros = arrived.micros();
        let hour = u32::try_from(micros / HOUR_US).unwrap_or(u32::MAX);
        let hash = |kind: u64, number: u64| mix(mix(self.salt ^ kind).wrapping_add(number));
        let template = &digest.template;
        // Four words: slots come early in many templates.
        let head = match template.heads[0] {
            0 => digest.ask.exact as u32,
            head => head,
        };
        let named = hash(1, u64::from(template.system) << 32 | u64::from(head)) as u32;
        let template = if head == 0 && template.system == 0 {
            0
        } else {
            named.max(1)
        };
        let position = &digest.ask.position;
        let mut clock = 10;
        Event {
            digest,
            day: hour / 24,
            hour,
            // The epoch was a Thursday.
            week_hour: (hour as usize + 72) % 168,
            twelfth: (micros % HOUR_US / (HOUR_US / 12)) as usize,
            clocks: CLOCK_US.map(|length| {
                clock += 1;
                hash(clock, micros / length)
            }),
            moment: hash(2, (micros / MOMENT_US) ^ (u64::from(template) << 32)) as u32,
            template,
            order: hash(3, exchange) as u32,
            salt: self.salt,
            cell: position.signs(),
            mean: position.coordinates().map(sixteenth),
            features: self.features(position.coordinates()),
            echoes,
            ways: Ways::default(),
        }
    }

    /// Cosines of random projections, of two widths: kernels of Gauss with a deviation of 0.55 and
    /// 1.1 of a position's length.
    fn features(&self, position: &[i8; DIMENSIONS]) -> [i8; FEATURES] {
        let mut features = [0; FEATURES];
        let rows = self.rows.iter().zip(self.phases).enumerate();
        for (feature, (place, (row, phase))) in features.iter_mut().zip(rows) {
            let pairs = row.iter().zip(position);
            let dot: i32 = pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            let width = if place % 2 == 0 { 7 } else { 8 };
            *feature = wave(((dot >> width) as u8).wrapping_add(phase));
        }
        features
    }
}

impl Event<'_> {
    /// Its template: the system text and the first words of the last thing asked; 0 without any.
    pub const fn template(&self) -> u32 {
        self.template
    }

    /// A hash of its own for each kind of thing; 0 stays 0.
    pub(super) fn wide(&self, kind: u64, hash: u64) -> u64 {
        if hash == 0 {
            return 0;
        }
        // The highest bit tells no register and no rank.
        mix(mix(self.salt ^ kind).wrapping_add(hash)) | 1 << 63
    }
}

/// A sixteenth, rounded alike on both sides of 0.
fn sixteenth(coordinate: i8) -> i8 {
    let wide = i16::from(coordinate);
    ((wide + 8 * wide.signum()) / 16) as i8
}

/// A sine of a 256th of a turn, times 7: Bhaskara's approximation, in integers alone, so that it is
/// the same on every machine.
fn wave(phase: u8) -> i8 {
    let half = i32::from(phase & 127);
    let arc = half * (128 - half);
    let below = 5 * 128 * 128 - 4 * arc;
    let height = ((2 * 7 * 16 * arc + below) / (2 * below)) as i8;
    if phase < 128 { height } else { -height }
}
