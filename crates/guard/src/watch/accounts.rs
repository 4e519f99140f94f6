//! What is kept of each account: whoever is active in full, others as the coarser profile. Nothing is
//! decided here.

use super::scored::Scored;
use super::ways::Last;
use crate::digest::About;
use crate::profile::{Cold, Course, Event, Hot, Ways};
use crate::signal::View;

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// What is known beside its traffic.
    pub about: About,
    active: Option<Box<Active>>,
    cold: Option<Box<Cold>>,
    pub(super) course: Course,
    pub(super) scored: Scored,
}

/// What only an active account has.
#[derive(Debug, Clone, Default)]
struct Active {
    profile: Hot,
    last: Last,
}

impl Account {
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            active: None,
            cold: None,
            course: Course::default(),
            scored: Scored::default(),
        }
    }

    /// What signals read of it, while it is active.
    pub fn view(&self) -> Option<View<'_>> {
        let hot = self.hot()?;
        Some(View::of_account(hot, &self.about, self.course))
    }

    /// The profile since it is active, if it is.
    pub fn hot(&self) -> Option<&Hot> {
        self.active.as_ref().map(|active| &active.profile)
    }

    /// The coarser profile of the time before, if there was one.
    pub fn cold(&self) -> Option<&Cold> {
        self.cold.as_deref()
    }

    /// Exchanges in all.
    pub fn exchanges(&self) -> u64 {
        let hot = self.hot().map_or(0, |hot| hot.exchanges.0);
        hot + self.cold().map_or(0, |cold| cold.exchanges.0)
    }

    /// The last exchange's hour; 0 without any.
    pub(super) fn newest(&self) -> u32 {
        let hot = self.hot().map_or(0, |hot| hot.newest.0);
        hot.max(self.cold().map_or(0, |cold| cold.newest.0))
    }

    /// Adds an exchange, with the ways that its last ones give it. True for one that was not active.
    pub(super) fn add(
        &mut self,
        event: &mut Event<'_>,
        ways: impl FnOnce(&mut Last) -> Ways,
    ) -> bool {
        let new = self.active.is_none();
        let active = self.active.get_or_insert_default();
        event.ways = ways(&mut active.last);
        active.profile.add(event);
        new
    }

    /// Keeps the coarser profile only. What was found stays.
    pub(super) fn cool(&mut self) {
        let Some(active) = self.active.take() else {
            return;
        };
        let mut cold = active.profile.cool();
        if let Some(before) = &self.cold {
            cold.merge(before);
        }
        self.cold = Some(Box::new(cold));
        self.scored.rest();
    }

    /// Bytes that it holds beside its place in the list.
    pub(super) fn bytes(&self) -> usize {
        self.active.as_ref().map_or(0, |_| size_of::<Active>())
            + self.cold.as_ref().map_or(0, |_| size_of::<Cold>())
    }
}
