//! The guard's bands, measures and weights in words for people. Nothing is decided here.

use operations::replay::{Action, Band};

use crate::page::part::tile::Mood;

pub(super) const fn band_name(band: Band) -> &'static str {
    match band {
        Band::Unremarkable => "Unremarkable",
        Band::Unusual => "Unusual",
        Band::Suspected => "Suspected",
        Band::Likely => "Likely",
        Band::AlmostCertain => "Almost certain",
    }
}

pub(super) const fn band_means(band: Band) -> &'static str {
    match band {
        Band::Unremarkable => "Nothing speaks for it.",
        Band::Unusual => "Worth a look; most such accounts are honest.",
        Band::Suspected => "More likely than not, on this evidence alone.",
        Band::Likely => "Beyond what honest accounts of the reference show.",
        Band::AlmostCertain => "Far beyond it, by several kinds of evidence.",
    }
}

pub(super) const fn band_mood(band: Band) -> Mood {
    match band {
        Band::Unremarkable => Mood::Calm,
        Band::Unusual => Mood::Info,
        Band::Suspected => Mood::Warn,
        Band::Likely | Band::AlmostCertain => Mood::Bad,
    }
}

pub(super) const fn action_name(action: Action) -> &'static str {
    match action {
        Action::None => "Nothing",
        Action::Observe => "Observe",
        Action::Strip => "Strip",
        Action::Pace => "Pace",
        Action::StepUp => "Step up",
        Action::Mark => "Mark",
        Action::ProposeSuspend => "Propose suspension",
    }
}

pub(super) const fn action_does(action: Action) -> &'static str {
    match action {
        Action::None => "Nothing.",
        Action::Observe => "Looks closer; the account notices nothing.",
        Action::Strip => "Leaves out log-probabilities, several answers and raw reasoning.",
        Action::Pace => "Holds the account to the pace of its plan.",
        Action::StepUp => "Asks who it is and what for, and offers a licence.",
        Action::Mark => "Marks answers, where the terms say so.",
        Action::ProposeSuspend => "Brings a case before a person, who decides.",
    }
}

/// How strong evidence of so many decibans is, for (positive) or against: as a bet.
pub(super) fn odds(decibans: i32) -> String {
    let times = 10_f64.powf(f64::from(decibans.abs().min(90)) / 10.0);
    let times = match times {
        ..1.5 => return "hardly a difference".to_owned(),
        ..10.0 => format!("{times:.1}"),
        ..1000.0 => format!("{times:.0}"),
        _ => "over 1,000".to_owned(),
    };
    match decibans > 0 {
        true => format!("{times} times as usual for distilling as for honest accounts"),
        false => format!("{times} times as usual for honest accounts as for distilling"),
    }
}

/// A risk as people say it; never quite 0 or 1, for the guard is never quite sure.
pub(super) fn risk(risk: f64) -> String {
    match risk * 100.0 {
        ..0.1 => "below 0.1%".to_owned(),
        percent @ ..1.0 => format!("{percent:.1}%"),
        percent @ ..99.0 => format!("{percent:.0}%"),
        percent @ ..99.9 => format!("{percent:.1}%"),
        _ => "above 99.9%".to_owned(),
    }
}
