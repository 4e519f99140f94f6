//! How signals read a profile: shares that begin at nothing and need several exchanges to grow, so
//! that a young account says little, and ratios of counts.

use record::PlanKind;

use crate::digest::About;
use crate::profile::{Bins, Course, Hot};

/// Exchanges that every share is diluted with.
const DOUBT: f32 = 3.0;

/// Hours that stand for a new model never used.
const NEVER: f32 = 24.0 * 90.0;

/// A profile to be read, with what several signals need worked out once.
#[derive(Debug)]
pub struct View<'a> {
    pub(super) profile: &'a Hot,
    pub(super) about: &'a About,
    /// Of one account only.
    pub(super) course: Option<Course>,
    /// Exchanges.
    pub(super) total: f32,
    /// Days from the first to the last exchange.
    pub(super) days: f32,
    pub(super) prompts: f32,
    pub(super) coverage: f32,
}

impl<'a> View<'a> {
    /// A view of an account.
    pub fn of_account(profile: &'a Hot, about: &'a About, course: Course) -> Self {
        Self {
            course: Some(course),
            ..Self::new(profile, about)
        }
    }

    /// A view of a cluster's or a stream's profile, which has no course of its own.
    pub fn new(profile: &'a Hot, about: &'a About) -> Self {
        let hours = profile.newest.0.saturating_sub(profile.oldest.0);
        Self {
            total: profile.exchanges.0 as f32,
            days: hours as f32 / 24.0,
            prompts: profile.prompts.estimate() as f32,
            coverage: profile.coverage.count() as f32,
            profile,
            about,
            course: None,
        }
    }

    /// Exchanges a day for each that its plan is made for; an unknown plan is taken for one by use.
    pub(super) fn for_plan(&self) -> f32 {
        let made_for = match self.about.plan {
            Some(PlanKind::Free) => 10.0,
            Some(PlanKind::Team) => 200.0,
            Some(PlanKind::Enterprise) => 1000.0,
            Some(PlanKind::Payg) | None => 100.0,
        };
        (self.total + 1.0) / (self.days + 0.5) / made_for
    }

    /// The share of its exchanges that fell on its first days.
    pub(super) fn first_days(&self, days: u32) -> f32 {
        let early = (0..days).map(|day| self.profile.early.after(day));
        self.share(early.fold(0, u32::saturating_add))
    }

    /// Hours until it used the newest model; a quarter of a year where it never followed one.
    pub(super) fn lag(&self) -> f32 {
        let lag = self.course.and_then(|course| course.lag());
        lag.map_or(NEVER, |lag| (lag as f32).min(NEVER))
    }

    /// Exchanges of this profile.
    pub fn exchanges(&self) -> u64 {
        self.profile.exchanges.0
    }

    pub(super) fn share(&self, count: u32) -> f32 {
        count as f32 / (self.total + DOUBT)
    }

    pub(super) fn ratio(&self, count: u64) -> f32 {
        count as f32 / (self.total + DOUBT)
    }

    pub(super) fn ways(&self, place: usize) -> f32 {
        self.share(self.profile.ways.0[place])
    }

    pub(super) fn named(&self, place: usize) -> f32 {
        self.share(self.profile.named.0[place])
    }

    pub(super) fn asked(&self, place: usize) -> f32 {
        self.share(self.profile.asked.0[place])
    }

    pub(super) fn sized(&self, place: usize) -> f32 {
        self.share(self.profile.sized.0[place])
    }

    /// The largest share of several families of phrases.
    pub(super) fn any(&self, places: std::ops::Range<usize>) -> f32 {
        places.map(|place| self.named(place)).fold(0.0, f32::max)
    }

    /// Average per exchange.
    pub(super) fn mean(&self, sum: u64) -> f32 {
        sum as f32 / self.total.max(1.0)
    }

    pub(super) fn template(&self) -> f32 {
        self.profile
            .template_mass()
            .map_or(0.0, |mass| mass as f32 / 1000.0)
    }

    /// The length of the mean position, squared: 1 where all questions are alike.
    pub(super) fn gathered(&self) -> f32 {
        let sum: f32 = self
            .profile
            .mean
            .0
            .iter()
            .map(|sum| {
                let mean = *sum as f32 / self.total.max(1.0);
                mean * mean
            })
            .sum();
        sum / 64.0
    }

    /// Hours of the day with exchanges.
    pub(super) fn day_hours(&self) -> [u32; 24] {
        let mut hours = [0; 24];
        for (place, count) in self.profile.week.0.iter().enumerate() {
            let hour: &mut u32 = &mut hours[place % 24];
            *hour = hour.saturating_add(*count);
        }
        hours
    }
}

/// The effective number of bins: one over the sum of squared shares (Simpson, 1949).
pub(super) fn spread(counts: &[u32]) -> f32 {
    let total: f32 = counts.iter().map(|count| *count as f32).sum();
    let squares: f32 = counts
        .iter()
        .map(|count| (*count as f32) * (*count as f32))
        .sum();
    if squares == 0.0 {
        0.0
    } else {
        total * total / squares
    }
}

pub(super) fn bins<const N: usize>(bins: &Bins<N>) -> f32 {
    spread(&bins.0)
}
