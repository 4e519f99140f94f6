//! The twelve recipes of distillation without leave, by name. What each sends is in `pool`.
//! Nothing here asks anything.

use crate::error::SimError;

/// A recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the field's")]
pub enum Recipe {
    SelfInstruct,
    EvolInstruct,
    SelfChat,
    UltraChat,
    CotHarvest,
    RubricGrading,
    ToolHarvest,
    CotCleaning,
    TechniqueSweep,
    LogprobHarvest,
    EmbeddingExtraction,
    Relay,
}

impl Recipe {
    /// All twelve.
    pub const ALL: [Self; 12] = [
        Self::SelfInstruct,
        Self::EvolInstruct,
        Self::SelfChat,
        Self::UltraChat,
        Self::CotHarvest,
        Self::RubricGrading,
        Self::ToolHarvest,
        Self::CotCleaning,
        Self::TechniqueSweep,
        Self::LogprobHarvest,
        Self::EmbeddingExtraction,
        Self::Relay,
    ];

    /// Its name in worlds and in `truth.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelfInstruct => "self-instruct",
            Self::EvolInstruct => "evol-instruct",
            Self::SelfChat => "self-chat",
            Self::UltraChat => "ultra-chat",
            Self::CotHarvest => "cot-harvest",
            Self::RubricGrading => "rubric-grading",
            Self::ToolHarvest => "tool-harvest",
            Self::CotCleaning => "cot-cleaning",
            Self::TechniqueSweep => "technique-sweep",
            Self::LogprobHarvest => "logprob-harvest",
            Self::EmbeddingExtraction => "embedding-extraction",
            Self::Relay => "relay",
        }
    }

    /// The recipe of a name.
    pub fn named(name: &str) -> Result<Self, SimError> {
        Self::ALL
            .into_iter()
            .find(|recipe| recipe.name() == name)
            .ok_or_else(|| SimError::World(format!("no recipe is called `{name}`; see `list`")))
    }

    /// Whether it sends our own answers back.
    pub fn feeds_back(self) -> bool {
        !matches!(
            self,
            Self::TechniqueSweep | Self::LogprobHarvest | Self::EmbeddingExtraction | Self::Relay
        )
    }
}
