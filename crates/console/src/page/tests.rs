//! Every page, on a house that is made of the verbs' own schemas: each name in it is markup, each
//! list is full. With `STILLHOUSE_PAGES=<folder>` the pages are written there, to be looked at.

mod sample;

use std::path::Path;

use record::{Role, Time};
use serde_json::Value;

use super::act::known;
use super::room::respond;
use super::said::missing;
use super::verbs::{PAGES, Page};
use super::visit::{Answer, Visit};
use super::*;
use sample::{Names, Sample};

const NOW: Time = Time::from_micros(1_795_617_127_000_000);
/// What a page may weigh.
const MOST_BYTES: usize = 100 << 10;

fn visit<'a>(verbs: &'a Sample, address: &'a str, role: Role) -> Visit<'a> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Visit {
        verbs,
        name: "<script>me",
        role,
        csrf: "csrf-token",
        theme: "auto",
        now: NOW,
        address: "http://127.0.0.1:8181",
        path,
        query: Pairs::read(query),
        form: None,
    }
}

fn shown(verbs: &Sample, address: &str) -> (u16, String) {
    match respond(&visit(verbs, address, Role::Admin)) {
        Answer::Page { status, html } => (status, html),
        other => panic!("{address}: {other:?}"),
    }
}

/// The pages of verbs that there are, on one thing each.
fn pages() -> Vec<(&'static Verb, String)> {
    let known = |page: &Page| {
        let verb = known(page.verb).unwrap_or_else(|| panic!("there is no `{}`", page.verb));
        let thing = match verb.noun {
            "exchange" => "7",
            "ledger" if verb.verb != "erase" => "7",
            _ => sample::ID,
        };
        (verb, page.address.replace("{}", thing))
    };
    PAGES.iter().map(known).collect()
}

#[test]
fn every_verb_has_a_page_that_offers_each_of_its_fields() {
    let verbs = Sample::new(Names::Markup, 100);
    let mut wrong = Vec::new();
    for verb in operations::VERBS.iter() {
        if page_of(verb).is_none() {
            wrong.push(format!("{} {} has no page", verb.noun, verb.verb));
        }
    }
    for (verb, address) in pages() {
        let (status, html) = shown(&verbs, &address);
        if status != 200 {
            wrong.push(format!("{address}: {status}"));
        }
        for field in names((verb.input)().as_value(), "") {
            let is_in_path = verb.method == "GET" && verb.path_fields().any(|name| name == field);
            let is_there =
                html.contains(&format!("name=\"{field}\"")) || html.contains(&format!("{field}="));
            if !is_there && !is_in_path {
                wrong.push(format!(
                    "{address} does not offer `{field}` of {} {}",
                    verb.noun, verb.verb
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every field, nested ones too.
fn names(schema: &Value, above: &str) -> Vec<String> {
    let form = super::form::fields(schema, &[]);
    let mut all = Vec::new();
    collect(&form, &mut all);
    all.into_iter()
        .filter(|name| name.starts_with(above))
        .collect()
}

fn collect(fields: &[super::form::Field], all: &mut Vec<String>) {
    for field in fields {
        match &field.shape {
            super::form::Shape::Group(inner) => collect(inner, all),
            _ => all.push(field.name.clone()),
        }
    }
}

/// Pages beside those of one verb.
const MORE: [&str; 16] = [
    "/?span=7d",
    "/?span=90d",
    "/?done=account.set",
    "/accounts?sort=-name&limit=75&search=%3Cscript%3E",
    "/keys?limit=75",
    "/grants?limit=75&state=live",
    "/accounts/00000000-0000-7000-8000-000000000007/close",
    "/accounts/00000000-0000-7000-8000-000000000007/open",
    "/accounts/00000000-0000-7000-8000-000000000007?span=90d",
    "/ledger/7",
    "/ledger?from=100&limit=100",
    "/models/00000000-0000-7000-8000-000000000007",
    "/upstreams/00000000-0000-7000-8000-000000000007",
    "/upkeep",
    "/cost?by=day&limit=100",
    "/nothing/%3Cscript%3E",
];

#[test]
fn every_page_is_small_and_shows_names_as_text() {
    let verbs = Sample::new(Names::Markup, 100);
    let addresses = pages().into_iter().map(|page| page.1);
    let more = MORE.iter().map(|address| (*address).to_owned());
    let mut wrong = Vec::new();
    for address in addresses.chain(more) {
        let (_, html) = shown(&verbs, &address);
        if html.len() > MOST_BYTES {
            wrong.push(format!("{address} has {} bytes", html.len()));
        }
        // The only script is the file in the head.
        if html.contains("<script>") || html.matches("<script").count() != 1 {
            wrong.push(format!("{address} has a script of a name"));
        }
        if html.contains(" style=") || html.contains("NaN") {
            wrong.push(format!("{address} has a style, or no number"));
        }
        let missing = missing::take();
        if !missing.is_empty() {
            wrong.push(format!(
                "{address} asks for what no verb says: {}",
                missing.join(", ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_empty_house_says_what_to_do() {
    let verbs = Sample::new(Names::Plain, 0);
    let (_, html) = shown(&verbs, "/");
    assert!(
        html.contains("Begin here") && html.contains("curl"),
        "{html}"
    );
    for address in ["/accounts", "/keys", "/grants", "/organizations"] {
        let (_, html) = shown(&verbs, address);
        assert!(
            html.contains("yet</h3>") && html.contains("/new\""),
            "{address}: {html}"
        );
    }
}

#[test]
fn the_overview_tells_what_needs_a_person() {
    let verbs = Sample::new(Names::Plain, 24);
    let (_, html) = shown(&verbs, "/");
    for told in [
        "</strong>the last one was made",
        "% of its budget is used",
        "% of its spend limit is used",
    ] {
        assert!(html.contains(told), "{told}: {html}");
    }
    let upstream = format!("/upstreams/{}", sample::ID);
    let (_, html) = shown(&verbs, &upstream);
    assert!(
        html.contains(">Unreachable<") && html.contains("since <time"),
        "{html}"
    );
}

#[test]
fn a_role_that_may_not_is_told_which_may() {
    let verbs = Sample::new(Names::Plain, 3);
    for (verb, address) in pages() {
        let answer = respond(&visit(&verbs, &address, Role::Viewer));
        let Answer::Page { status, html } = answer else {
            panic!("{address} is no page");
        };
        if verb.is_for(Role::Viewer) {
            assert_eq!(status, 200, "{address}");
        } else {
            let roles: Vec<&str> = verb.roles.iter().map(|role| role.name()).collect();
            assert_eq!(status, 403, "{address}");
            assert!(
                html.contains(&format!("needs the role {}", roles.join(" or "))),
                "{html}"
            );
        }
    }
}

#[test]
fn what_can_not_be_read_keeps_what_was_typed() {
    let verbs = Sample::new(Names::Plain, 3);
    let mut visit = visit(&verbs, "/accounts/new", Role::Admin);
    visit.form = Some(Pairs::read("name=%3Cb%3E&limits.concurrency=many"));
    let Answer::Page { status, html } = respond(&visit) else {
        panic!("it is no page");
    };
    assert_eq!(status, 400);
    assert!(
        html.contains("value=\"many\"") && html.contains("value=\"&lt;b&gt;\""),
        "{html}"
    );
    assert!(verbs.calls("account", "create") == 0);
}

#[test]
fn a_filter_that_can_not_be_read_is_named() {
    let verbs = Sample::new(Names::Plain, 3);
    let (status, html) = shown(&verbs, "/cost?limit=many");
    assert_eq!(status, 400);
    assert!(html.contains("`limit`: write a whole number"), "{html}");
    assert!(verbs.calls("ledger", "cost") == 0);
}

#[test]
fn a_file_that_would_lack_rows_is_refused() {
    let verbs = Sample::new(Names::Plain, 3);
    let (status, html) = shown(&verbs, "/cost?by=account&as=csv");
    assert_eq!(status, 400);
    assert!(html.contains("more than 100000 rows"), "{html}");
    assert_eq!(verbs.calls("ledger", "cost"), 1);
}

#[test]
fn what_was_done_leads_on() {
    let verbs = Sample::new(Names::Plain, 3);
    let mut visit = visit(&verbs, "/organizations/new", Role::Admin);
    visit.form = Some(Pairs::read("name=Acme"));
    let Answer::SeeOther { location } = respond(&visit) else {
        panic!("it leads nowhere");
    };
    assert!(
        location.ends_with("?done=organization.create"),
        "{location}"
    );
    assert!(verbs.calls("organization", "create") == 1);
}

/// Not a test of anything: it writes the pages for people to look at.
#[test]
fn pages_to_look_at() {
    let Some(folder) = std::env::var_os("STILLHOUSE_PAGES") else {
        return;
    };
    let folder = Path::new(&folder);
    let many = Sample::new(Names::Plain, 24);
    let none = Sample::new(Names::Plain, 0);
    let write = |name: &str, html: &str| {
        let mut html = html.to_owned();
        for file in ["console.css", "console.js", "icon.svg"] {
            html = html.replace(crate::assets::url(file), file);
        }
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    };
    for file in ["console.css", "console.js", "icon.svg"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("assets")
            .join(file);
        std::fs::copy(path, folder.join(file)).unwrap();
    }
    let addresses = pages().into_iter().map(|page| page.1);
    for address in addresses.chain(MORE.iter().map(|address| (*address).to_owned())) {
        let name = address
            .replace(sample::ID, "id")
            .replace(['/', '?', '&', '=', '%'], "_");
        write(&name, &shown(&many, &address).1);
    }
    write("first", &shown(&none, "/").1);
    write("none", &shown(&none, "/accounts").1);
    write("sign-in", &sign_in("", "/", None).into_string());
    write(
        "sign-in-wrong",
        &sign_in("alice", "/", Some("name or password is wrong")).into_string(),
    );
    write("welcome", &welcome("", None).into_string());
    write("invitation", &invitation(None).into_string());
}
