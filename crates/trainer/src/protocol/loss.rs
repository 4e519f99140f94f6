//! Which loss, on which of a distribution's ids: plain values as they are written in a job or a run file.

use super::job::Stage;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Which loss. A kind all of whose options have defaults may be written by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, remote = "Self")]
pub enum Kind {
    /// The answer's tokens, or the teacher's distribution as soft labels.
    CrossEntropy,
    /// KL(P|Q).
    ForwardKl,
    /// KL(Q|P).
    ReverseKl,
    /// `beta KL(P|M) + (1 - beta) KL(Q|M)`.
    Gjsd {
        /// The teacher's share of M.
        beta: f64,
    },
    /// KL(P | alpha P + (1 - alpha) Q).
    SkewForward {
        /// The teacher's share of the mixture.
        alpha: f64,
    },
    /// KL(Q | (1 - alpha) P + alpha Q).
    SkewReverse {
        /// The student's share of the mixture.
        alpha: f64,
    },
    /// Half the sum of absolute differences.
    TotalVariation,
    /// Policy gradient with the log-ratio at the sampled token alone.
    K1,
    /// Half its square.
    K2,
    /// Schulman's third.
    K3,
    /// Clipped policy gradient with discounted log-ratios as advantages.
    Policy {
        /// How far the ratio may fall below 1; none for no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        low: Option<f64>,
        /// How far it may rise above 1; none for no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        high: Option<f64>,
        /// The discount of what comes after a token.
        #[serde(default)]
        gamma: f64,
        /// Advantages are cut to this.
        #[serde(default = "five")]
        most: f64,
    },
    /// Clipped policy gradient of judged answers: what an answer is better than the item's others is
    /// each of its tokens' advantage (GRPO). The parent is asked for the rewards.
    Grpo {
        /// How far the ratio may fall below 1.
        #[serde(default = "fifth")]
        low: f64,
        /// How far it may rise above 1.
        #[serde(default = "fifth")]
        high: f64,
        /// What an item's rewards are divided by.
        #[serde(default)]
        spread: Spread,
        /// How much of the teacher's log-ratio is added to each token's advantage; 0: it is not asked.
        #[serde(default)]
        teacher: f64,
        /// The same of the start model's log-ratio, which ties the student to it.
        #[serde(default)]
        start: f64,
    },
    /// Direct preferences (DPO): of an item's answers the best against the worst, held to the start model.
    /// On-policy the parent is asked for the rewards; in a cold start items have both answers.
    Dpo {
        /// The strength of the tie to the start model.
        #[serde(default = "tenth")]
        beta: f64,
        /// How often the judge is wrong.
        #[serde(default)]
        flipped: f64,
        /// Log-probabilities a token in place of sums.
        #[serde(default)]
        by_length: bool,
    },
    /// A teacher with another tokenizer: the sorted probabilities of spans that spell the same (ULD). A
    /// local teacher alone.
    Uld {
        /// How ids that spell the same in both vocabularies are compared, where they are apart (GOLD).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared: Option<Shared>,
    },
}

/// How ids that two vocabularies have in common are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// By which divergence.
    pub kind: Divergence,
    /// What it weighs.
    #[serde(default = "unit64")]
    pub weight: f64,
    /// What the other ids' sorted probabilities weigh.
    #[serde(default = "unit64")]
    pub rest: f64,
}

/// A divergence between distributions, as of [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// KL(P|Q).
    ForwardKl,
    /// KL(Q|P).
    ReverseKl,
    /// `beta KL(P|M) + (1 - beta) KL(Q|M)`.
    Gjsd {
        /// The teacher's share of M.
        beta: f64,
    },
    /// Half the sum of absolute differences.
    TotalVariation,
}

/// What the rewards of an item's answers are divided by, once their mean is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Their standard deviation.
    #[default]
    Population,
    /// The same with one degree of freedom taken off.
    Sample,
    /// Nothing.
    None,
}

/// The kinds with options that all have defaults.
const OPTIONAL: [&str; 4] = ["policy", "grpo", "dpo", "uld"];

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The one that `remote` derives.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Kind;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a loss by its name, or by its name with options")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Kind, E> {
                if OPTIONAL.contains(&name) {
                    let options = BTreeMap::<&str, f64>::new();
                    let one = std::iter::once((name, options));
                    return Kind::deserialize(MapAccessDeserializer::new(MapDeserializer::new(
                        one,
                    )));
                }
                Kind::deserialize(StrDeserializer::new(name))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Kind, A::Error> {
                Kind::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl Kind {
    /// Whether only the sampled token is looked at.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        matches!(
            self,
            Self::K1
                | Self::K2
                | Self::K3
                | Self::Policy { .. }
                | Self::Grpo { .. }
                | Self::Dpo { .. }
        )
    }

    /// What the rewards of an item's answers are divided by.
    #[must_use]
    pub fn spread(self) -> Spread {
        match self {
            Self::Grpo { spread, .. } => spread,
            _ => Spread::None,
        }
    }

    /// Whether the teacher may have another tokenizer.
    #[must_use]
    pub fn is_between_vocabularies(self) -> bool {
        matches!(self, Self::Uld { .. })
    }

    /// Whether the student is held to the start model.
    #[must_use]
    pub fn looks_at_start(self) -> bool {
        match self {
            Self::Dpo { .. } => true,
            Self::Grpo { start, .. } => start != 0.0,
            _ => false,
        }
    }

    /// Whether pairs of answers are learnt.
    #[must_use]
    pub fn is_of_pairs(self) -> bool {
        matches!(self, Self::Dpo { .. })
    }

    /// Whether the parent grades a step's answers.
    #[must_use]
    pub fn is_judged(self, stage: Stage) -> bool {
        stage == Stage::OnPolicy && matches!(self, Self::Grpo { .. } | Self::Dpo { .. })
    }

    /// Whether a teacher is asked for scores.
    #[must_use]
    pub fn asks_teacher(self, stage: Stage) -> bool {
        match self {
            Self::CrossEntropy => stage == Stage::OnPolicy,
            Self::Grpo { teacher, .. } => teacher != 0.0,
            Self::Dpo { .. } => false,
            _ => true,
        }
    }
}

/// Which ids the teacher's distribution is held at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// The whole vocabulary; a local teacher alone.
    #[default]
    Whole,
    /// The teacher's likeliest.
    Teacher(u32),
    /// The student's likeliest, and the sampled token.
    Student(u32),
    /// Both, and the sampled token.
    Union(u32),
    /// So many random draws from the teacher's whole distribution; a local teacher alone.
    Draws(u32),
}

/// What becomes of the ids outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tail {
    /// One more outcome.
    #[default]
    Bucket,
    /// They do not exist.
    Renormalised,
    /// Their terms are left out.
    Truncated,
    /// Left out, each named term made non-negative.
    PerId,
}

/// A loss with its options.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Which.
    pub kind: Kind,
    /// Divides the logits of both.
    #[serde(default = "unit64")]
    pub temperature: f64,
    /// Multiplied by the temperature's square.
    #[serde(default)]
    pub scaled: bool,
    /// Log-probabilities below this count as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Which ids.
    #[serde(default)]
    pub support: Support,
    /// What becomes of the others.
    #[serde(default)]
    pub tail: Tail,
}

fn unit64() -> f64 {
    1.0
}

fn five() -> f64 {
    5.0
}

fn tenth() -> f64 {
    0.1
}

fn fifth() -> f64 {
    0.2
}
