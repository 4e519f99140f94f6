//! Whether a grant covers a run: checked before anything is spent, and watched while it runs. Pure.

use record::{Grant, Money, Tier, Time};

use crate::spec::Spec;

/// Why a grant does not cover a run, in words.
///
/// # Errors
/// The first thing that stands against it.
pub fn covers(grant: &Grant, spec: &Spec, now: Time) -> Result<(), String> {
    live(grant, now)?;
    if grant.terms.tier < Tier::Train {
        return Err(format!(
            "the grant is of tier {:?}; a run needs one of tier train",
            grant.terms.tier
        ));
    }
    let named = &grant.terms.teachers;
    let mut all = spec.all_teachers();
    if let Some(teacher) = all.find(|teacher| !named.contains(&teacher.name)) {
        return Err(format!(
            "the grant does not name the teacher `{}`, but {}",
            teacher.name,
            named.join(", ")
        ));
    }
    let budget = spec.budget.amount();
    let most = grant.terms.budget;
    if most.money().is_some_and(|money| budget.money > money) {
        let most = most.money().unwrap_or(Money::ZERO);
        return Err(format!(
            "the run may cost {} dollars, but the grant gives {most}",
            budget.money
        ));
    }
    if most.tokens().is_some_and(|tokens| budget.tokens > tokens) {
        let most = most.tokens().unwrap_or(0);
        return Err(format!(
            "the run may use {} tokens, but the grant gives {most}",
            budget.tokens
        ));
    }
    Ok(())
}

/// Whether a grant may be used now.
///
/// # Errors
/// It was revoked, or has expired.
pub fn live(grant: &Grant, now: Time) -> Result<(), String> {
    if grant.revoked.is_some_and(|revoked| revoked <= now) {
        return Err("the grant was revoked".into());
    }
    if grant.terms.expires <= now {
        return Err("the grant has expired".into());
    }
    Ok(())
}

/// Licences under which a model's answers may train another one, as far as is known without a
/// lawyer; by the beginning of their names in lower case.
const FREE: [&str; 5] = ["mit", "apache-2.0", "apache 2.0", "cc0", "own"];
/// Those that forbid it.
const CLOSED: [&str; 3] = ["openai", "anthropic", "hunyuan"];

/// What the licences of a run's teachers say: what is written into the ledger, with the names where
/// there are several.
///
/// # Errors
/// As [`licence`], of the first that stands against it.
pub fn licences(spec: &Spec) -> Result<String, String> {
    if !spec.has_several_teachers() {
        return licence(&spec.teacher.licence);
    }
    let one = |teacher: &crate::spec::Teacher| {
        let name = &teacher.name;
        match licence(&teacher.licence) {
            Ok(licence) => Ok(format!("{name}: {licence}")),
            Err(why) => Err(format!("{name}: {why}")),
        }
    };
    let all: Vec<String> = spec.all_teachers().map(one).collect::<Result<_, _>>()?;
    Ok(all.join("; "))
}

/// What a licence says of training on the teacher's answers: what is written into the ledger.
///
/// # Errors
/// It forbids it, or is not known: then a person has to say `own` in the run file.
pub fn licence(licence: &str) -> Result<String, String> {
    let lower = licence.trim().to_lowercase();
    let is = |list: &[&str]| list.iter().any(|name| lower.starts_with(name));
    if is(&CLOSED) {
        return Err(format!(
            "the licence `{licence}` forbids training other models on answers"
        ));
    }
    match is(&FREE) || lower.starts_with("llama 3.") && !lower.starts_with("llama 3.0") {
        true => Ok(licence.trim().to_owned()),
        false => Err(format!(
            "the teacher's licence `{licence}` is not known to allow this"
        )),
    }
}
