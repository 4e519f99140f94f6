//! How an account follows releases of models. It depends on order, so it is no part of a profile that
//! merges. Only counted here; what it says is a signal's matter (A6).

/// An account's first exchange and the last release that it followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// The hour of its first exchange, plus one; 0 before.
    first: u32,
    /// That release, by the number of releases until then; 0 for none.
    release: u32,
    /// Hours from it to the first use of its model.
    lag: u32,
}

/// The newest model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Release {
    /// Print of the model's name.
    pub model: u32,
    /// The hour in which it came out.
    pub hour: u32,
    /// Releases until now, itself among them; 0 without any.
    pub number: u32,
}

impl Course {
    /// Takes in an exchange of this hour, asked of this model.
    pub fn add(&mut self, hour: u32, model: u32, newest: Release) {
        if self.first == 0 {
            self.first = hour.saturating_add(1);
        }
        let follows = newest.number > 0 && model == newest.model;
        // Who came after the release had no choice of time.
        if follows && self.release != newest.number && self.first <= newest.hour {
            self.release = newest.number;
            self.lag = hour.saturating_sub(newest.hour);
        }
    }

    /// Hours from a release to this account's first use of the model, of the last one that it followed.
    pub fn lag(&self) -> Option<u32> {
        (self.release > 0).then_some(self.lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_that_of_the_last_release_followed() {
        let newest = |hour, number| Release {
            model: 7,
            hour,
            number,
        };
        let mut course = Course::default();
        course.add(100, 3, newest(0, 0));
        course.add(212, 3, newest(210, 1));
        assert_eq!(course.lag(), None, "it stays with the old model");
        course.add(215, 7, newest(210, 1));
        course.add(300, 7, newest(210, 1));
        assert_eq!(course.lag(), Some(5));
        let mut late = Course::default();
        late.add(300, 7, newest(210, 1));
        assert_eq!(late.lag(), None, "it came after the release");
    }
}
