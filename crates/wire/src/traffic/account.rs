//! A line of `accounts.jsonl`. Plans and programmes that the format does not have are not known
//! here either; nothing is decided.

use std::borrow::Cow;

use record::{PlanKind, Program, SeenAccount, Time};

use super::LineError;
use super::line::{text, time};
use crate::seen::raw::Raw;

/// An account. What is not said is empty or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account<'a> {
    /// Its id; never empty.
    pub id: Cow<'a, str>,
    /// When it was opened.
    pub created: Option<Time>,
    /// What it pays for.
    pub plan: Option<PlanKind>,
    /// The verified organisation.
    pub organization: Cow<'a, str>,
    /// Hash of the e-mail address.
    pub email: Cow<'a, str>,
    /// Hash of the means of payment.
    pub payment: Cow<'a, str>,
    /// Hash of the phone number.
    pub phone: Cow<'a, str>,
    /// The programme of its sign-up.
    pub program: Option<Program>,
    /// The declared country.
    pub country: Cow<'a, str>,
    /// What it says that it does.
    pub declared_use: Cow<'a, str>,
}

impl Account<'_> {
    /// The same, borrowed.
    pub fn seen(&self) -> SeenAccount<'_> {
        SeenAccount {
            created: self.created,
            plan: self.plan,
            organization: &self.organization,
            email: &self.email,
            payment: &self.payment,
            phone: &self.phone,
            program: self.program,
            country: &self.country,
            declared_use: &self.declared_use,
        }
    }
}

/// Reads a line of `accounts.jsonl`.
///
/// # Errors
/// What is no JSON object, has no `id`, or a field of another type.
pub fn account(line: &str) -> Result<Account<'_>, LineError> {
    let mut account = Account::default();
    let mut wrong = None;
    let read = Raw::whole(line, |key, value| {
        if let Err(error) = member(&mut account, key, value) {
            wrong.get_or_insert(error);
        }
    });
    read.map_err(|error| LineError::json(&error))?;
    match wrong {
        Some(error) => Err(error),
        None if account.id.is_empty() => Err(LineError::Missing("id")),
        None => Ok(account),
    }
}

fn member<'a>(account: &mut Account<'a>, key: &str, value: Raw<'a>) -> Result<(), LineError> {
    if value.is_null() {
        return Ok(());
    }
    match key {
        "id" => account.id = text("id", value)?,
        "created" => account.created = Some(time("created", value)?),
        "plan" => {
            account.plan = match text("plan", value)?.as_ref() {
                "free" => Some(PlanKind::Free),
                "payg" => Some(PlanKind::Payg),
                "team" => Some(PlanKind::Team),
                "enterprise" => Some(PlanKind::Enterprise),
                _ => None,
            }
        }
        "organization" => account.organization = text("organization", value)?,
        "email_hash" => account.email = text("email_hash", value)?,
        "payment_hash" => account.payment = text("payment_hash", value)?,
        "phone_hash" => account.phone = text("phone_hash", value)?,
        "program" => {
            account.program = match text("program", value)?.as_ref() {
                "education" => Some(Program::Education),
                "startup" => Some(Program::Startup),
                "research" => Some(Program::Research),
                _ => None,
            }
        }
        "country" => account.country = text("country", value)?,
        "declared_use" => account.declared_use = text("declared_use", value)?,
        _ => {}
    }
    Ok(())
}
