//! Signals: what a profile shows, one number each, with a plain sentence, its source and the honest
//! explanation that it may have. A signal knows nothing of guilt: the card says what a value is worth.
//!
//! Names follow section 4.2 of the research: A account, B content, S source, C across accounts.
//! Nothing here decides.

mod read;
mod table;

pub use self::read::View;
pub use self::table::SIGNALS;

/// How many signals there are.
pub const COUNT: usize = SIGNALS.len();

/// Signals that may share one cause; what a family says together is capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// When requests come (A2, A3).
    Timing,
    /// How a conversation goes (A4).
    Course,
    /// Parameters (A5).
    Parameters,
    /// Volume and sizes (A1, A7).
    Volume,
    /// Templates, repetition, coverage (B1 to B3, B10).
    Structure,
    /// Phrases that draw out reasoning, grade or make tasks (B4 to B8).
    Phrases,
    /// Our own answers in requests (B9, C4).
    Echo,
    /// Conversations that go on under other accounts, and clusters (C1 to C8).
    Across,
    /// Addresses and clients (A8, S1 to S4).
    Source,
}

/// Every family.
pub const FAMILIES: [Family; 9] = [
    Family::Timing,
    Family::Course,
    Family::Parameters,
    Family::Volume,
    Family::Structure,
    Family::Phrases,
    Family::Echo,
    Family::Across,
    Family::Source,
];

impl Family {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timing => "timing",
            Self::Course => "course",
            Self::Parameters => "parameters",
            Self::Volume => "volume",
            Self::Structure => "structure",
            Self::Phrases => "phrases",
            Self::Echo => "echo",
            Self::Across => "across",
            Self::Source => "source",
        }
    }

    /// The most that a family's evidence counts, in decibans, either way. Families that an honest
    /// program shares with a harvester, or that carry over worst to other traffic, count least.
    pub const fn cap(self) -> i32 {
        match self {
            Self::Phrases | Self::Echo => 6,
            Self::Across => 5,
            Self::Timing | Self::Volume => 8,
            Self::Source => 4,
            Self::Parameters | Self::Course => 10,
            Self::Structure => 15,
        }
    }

    /// The honest explanation that a family's evidence may have.
    pub const fn alternative(self) -> &'static str {
        match self {
            Self::Timing => "nightly jobs, agents and batch products run round the clock too",
            Self::Course => "batch jobs ask single questions; clients may cut or rewrite history",
            Self::Parameters => "classifiers use log-probabilities, evaluations pin seeds",
            Self::Volume => "a busy product asks much and gets long answers",
            Self::Structure => {
                "labelling, translation and evaluation use one template for many texts"
            }
            Self::Phrases => "audits, tutors and product judges ask for reasons and marks",
            Self::Echo => {
                "products judge our answers, and people paste them into new conversations"
            }
            Self::Across => "colleagues hand conversations on; resellers pool their customers",
            Self::Source => "offices share an address; agents run at changing ones",
        }
    }
}

/// How a value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of exchanges, 0 to 1.
    Share,
    /// A number.
    Number,
}

/// One signal.
#[derive(Debug)]
pub struct Signal {
    /// Its name, as `B9.other`.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// What a high value says, as a sentence without its end.
    pub title: &'static str,
    /// How its value reads.
    pub unit: Unit,
    read: fn(&View<'_>) -> f32,
}

/// What there is to say of a signal to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalAbout {
    /// Its name.
    pub name: &'static str,
    /// Its family's name.
    pub family: &'static str,
    /// What a high value says.
    pub title: &'static str,
    /// Where it is read from.
    pub source: &'static str,
    /// The honest explanation that it may have.
    pub alternative: &'static str,
}

impl Signal {
    /// Its value of a profile; never NaN.
    pub fn value(&self, view: &View<'_>) -> f32 {
        let value = (self.read)(view);
        if value.is_finite() { value } else { 0.0 }
    }

    /// A plain sentence with the value.
    pub fn sentence(&self, value: f32) -> String {
        match self.unit {
            Unit::Share => format!("{}: {:.1} % of exchanges", self.title, value * 100.0),
            Unit::Number => format!("{}: {value:.2}", self.title),
        }
    }
}

/// What there is to say of a signal by its name.
pub fn about(name: &str) -> Option<SignalAbout> {
    let signal = SIGNALS.iter().find(|signal| signal.name == name)?;
    Some(SignalAbout {
        name: signal.name,
        family: signal.family.name(),
        title: signal.title,
        source: match signal.family {
            Family::Timing => "times of requests",
            Family::Course => "hashes of conversations",
            Family::Parameters => "request parameters",
            Family::Volume => "sizes and token counts",
            Family::Structure => "sketches of prompts",
            Family::Phrases => "counts of phrases",
            Family::Echo => "fingerprints of our own answers",
            Family::Across => "conversations and links of accounts",
            Family::Source => "prints of addresses and clients",
        },
        alternative: signal.family.alternative(),
    })
}

/// All values of a profile, in the order of [`SIGNALS`].
pub fn values(view: &View<'_>) -> [f32; COUNT] {
    let mut values = [0.0; COUNT];
    for (value, signal) in values.iter_mut().zip(&SIGNALS) {
        *value = signal.value(view);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::About;
    use crate::profile::Hot;

    #[test]
    fn names_are_their_own_and_an_empty_profile_has_finite_values() {
        let mut names: Vec<&str> = SIGNALS.iter().map(|signal| signal.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNT);
        let (profile, account) = (Hot::default(), About::default());
        let view = View::new(&profile, &account);
        assert!(values(&view).iter().all(|value| value.is_finite()));
        assert!(about("B9.other").is_some());
        assert!(about("B9.another").is_none());
    }
}
