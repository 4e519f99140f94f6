//! `doctor`: looks at everything that a server needs, and says what is wrong and what to do. It
//! changes nothing, takes no lease, and runs beside a server as well as without one.

mod folder;
mod ledger;
mod network;
mod upstreams;

use serde::Serialize;

use crate::failure::Result;
use crate::settings::{Outside, Settings, settle};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grade {
    /// As it should be.
    Good,
    /// It works; it could be better.
    Advice,
    /// It works now, and may not for long.
    Warning,
    /// It does not work, or is not safe.
    Fault,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: `settings`, `folder`, `disk`, `clock`, `ledger`, `backup`, `model`,
    /// `upstream`, `port` or `limits`.
    pub(crate) check: &'static str,
    /// How bad it is.
    pub(crate) grade: Grade,
    /// What was found.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// Everything that was found, in the order of the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn good(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(check, Grade::Good, what, None);
    }

    fn advice(&mut self, check: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(check, Grade::Advice, what, Some(hint.into()));
    }

    fn warning(&mut self, check: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(check, Grade::Warning, what, Some(hint.into()));
    }

    fn fault(&mut self, check: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(check, Grade::Fault, what, Some(hint.into()));
    }

    fn add(
        &mut self,
        check: &'static str,
        grade: Grade,
        what: impl Into<String>,
        hint: Option<String>,
    ) {
        self.list.push(Finding {
            check,
            grade,
            what: what.into(),
            hint,
        });
    }

    /// Everything, in order.
    pub(crate) fn all(&self) -> &[Finding] {
        &self.list
    }

    /// How many there are of a grade.
    pub(crate) fn count(&self, grade: Grade) -> usize {
        self.list.iter().filter(|one| one.grade == grade).count()
    }
}

/// Looks at everything.
///
/// # Errors
/// None of a thing that is looked at: that is a finding. Only what the look itself needs.
pub(crate) fn look(outside: &Outside) -> Result<Findings> {
    let mut found = Findings::default();
    let settings = match settle(outside) {
        Ok(settings) => settings,
        Err(error) => {
            let hint = error.hint();
            let hint = hint.unwrap_or_else(|| "mend the settings file".into());
            found.fault("settings", error.to_string(), hint);
            return Ok(found);
        }
    };
    found.good("settings", describe(&settings));
    folder::look(&settings, &mut found);
    let served = ledger::look(&settings, &mut found);
    network::look(&settings, served, &mut found);
    upstreams::look(&settings, &mut found)?;
    Ok(found)
}

fn describe(settings: &Settings) -> String {
    let file = settings.file.as_ref();
    let file = file.map_or("no file, all defaults".into(), |file| {
        file.display().to_string()
    });
    let (upstreams, models) = (settings.upstreams.len(), settings.models.len());
    let plans = settings.plans.len();
    format!("{file}: {upstreams} upstreams, {models} models, {plans} plans")
}
