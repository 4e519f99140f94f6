//! Exchanges, their text, and use over time.

use std::sync::atomic::Ordering;

use operations::exchange::{self, Class, Kind};
use operations::usage::{self, Step};
use operations::{Error, account};
use record::{Endpoint, Fact, Id, Origin, Reason, Refusal, Time};

use crate::fixture::{DAY_US, Fixture, operator};

fn now(fixture: &Fixture) -> Time {
    Time::from_micros(fixture.clock.load(Ordering::Relaxed))
}

fn refuse(fixture: &Fixture, account: &account::Account) {
    refuse_of(fixture, account, now(fixture));
}

fn refuse_of(fixture: &Fixture, account: &account::Account, arrived: Time) {
    let refusal = Refusal {
        id: Id::new(arrived, [2; 10]),
        account: Some(account.id.parse().unwrap()),
        key: None,
        grant: None,
        path: Endpoint::Chat.path().into(),
        model: "<b>m</b>".into(),
        arrived,
        status: 429,
        reason: Reason::Concurrency,
        origin: Origin::default(),
    };
    fixture
        .house
        .facts
        .observe(&Fact::Refusal(Box::new(refusal)))
        .unwrap();
}

fn list(fixture: &Fixture, input: exchange::List) -> exchange::Listed {
    exchange::list(&fixture.house, &operator(), input).unwrap()
}

#[test]
fn exchanges_come_newest_first_in_pages() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.account("a"), fixture.account("b"));
    for nanos in 0..7 {
        fixture.exchange(&one, "m", nanos);
        fixture.exchange(&other, "n", nanos);
    }
    refuse(&fixture, &other);
    let all = list(&fixture, exchange::List::default());
    assert_eq!(all.exchanges.len(), 15);
    assert!(all.exchanges.is_sorted_by(|one, next| one.seq > next.seq));
    assert_eq!(all.exchanges[0].reason, Some(Reason::Concurrency));
    assert_eq!(all.exchanges[0].model, "<b>m</b>", "a name is text");
    // Pages together are the whole, whatever their size.
    for limit in 1..6 {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = list(
                &fixture,
                exchange::List {
                    limit: Some(limit),
                    after,
                    account: Some("b".into()),
                    ..exchange::List::default()
                },
            );
            found.extend(page.exchanges.into_iter().map(|row| row.seq));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let of_b = all
            .exchanges
            .iter()
            .filter(|row| row.account_name.as_deref() == Some("b"));
        let expected: Vec<u64> = of_b.map(|row| row.seq).collect();
        assert_eq!(found, expected, "{limit} at a time");
    }
}

/// A row has the time of its entry, so that the times of a list go one way; when a request arrived
/// is told of one alone.
#[test]
fn times_go_with_the_order() {
    let fixture = Fixture::new();
    let account = fixture.account("a");
    let long_ago = now(&fixture);
    fixture.clock.fetch_add(2_000_000, Ordering::Relaxed);
    let first_end = now(&fixture);
    refuse(&fixture, &account);
    fixture.clock.fetch_add(3_000_000, Ordering::Relaxed);
    let last_end = now(&fixture);
    refuse_of(&fixture, &account, long_ago);
    let rows = list(&fixture, exchange::List::default()).exchanges;
    let times: Vec<&str> = rows.iter().map(|row| row.time.as_str()).collect();
    assert_eq!(times, [last_end.rfc3339(), first_end.rfc3339()]);
    let show = exchange::Show { seq: rows[0].seq };
    let one = exchange::show(&fixture.house, &operator(), show).unwrap();
    assert_eq!(one.arrived, long_ago.rfc3339());
    assert_eq!(one.summary, rows[0]);
}

#[test]
fn exchanges_are_filtered() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.account("a"), fixture.account("b"));
    for nanos in 0..7 {
        fixture.exchange(&one, "m", nanos);
        fixture.exchange(&other, "n", nanos);
    }
    refuse(&fixture, &other);
    let count = |input: exchange::List| list(&fixture, input).exchanges.len();
    let any = exchange::List::default;
    assert_eq!(
        count(exchange::List {
            model: Some("m".into()),
            ..any()
        }),
        7
    );
    assert_eq!(
        count(exchange::List {
            kind: Some(Kind::Refusal),
            ..any()
        }),
        1
    );
    assert_eq!(
        count(exchange::List {
            status: Some(Class::Done),
            ..any()
        }),
        14
    );
    assert_eq!(
        count(exchange::List {
            reason: Some(Reason::Concurrency),
            ..any()
        }),
        1
    );
    assert_eq!(
        count(exchange::List {
            organization: Some("a's".into()),
            ..any()
        }),
        7
    );
    let bad = exchange::List {
        after: Some("zz".into()),
        ..any()
    };
    assert!(matches!(
        exchange::list(&fixture.house, &operator(), bad),
        Err(Error::Invalid { .. })
    ));
}

#[test]
fn one_exchange_is_shown_as_far_as_it_is_known() {
    let fixture = Fixture::new();
    let account = fixture.account("a");
    fixture.exchange(&account, "m", 5);
    let seq = list(&fixture, exchange::List::default()).exchanges[0].seq;
    let show = |seq| exchange::show(&fixture.house, &operator(), exchange::Show { seq });
    let shown = show(seq).unwrap();
    assert_eq!(shown.summary.account_name.as_deref(), Some("a"));
    assert_eq!(shown.organization_name.as_deref(), Some("a's"));
    assert_eq!(shown.address, "192.0.2.77");
    for none in [0, 1, seq + 1, u64::MAX] {
        let missing = show(none);
        assert!(
            matches!(missing, Err(Error::NotFound { .. })),
            "{none}: {missing:?}"
        );
    }
}

#[test]
fn text_is_given_where_it_was_kept_and_the_look_is_recorded_first() {
    let fixture = Fixture::new();
    let account = fixture.account("a");
    fixture.exchange(&account, "m", 5);
    let until = fixture.clock.load(Ordering::Relaxed) + DAY_US;
    let ledger = fixture.house.facts.ledger();
    let bodies: [&[u8]; 2] = [b"{\"q\":1}", b"\xffanswer"];
    let hashes = ledger
        .vault()
        .put(&bodies, ledger::Lock::House, until)
        .unwrap();
    fixture.exchange_with(&account, "m", Some([hashes[0], hashes[1]]));
    let rows = list(&fixture, exchange::List::default()).exchanges;
    assert!(rows[0].has_text && !rows[1].has_text);
    let look = |seq, why: &str| {
        let why = why.to_owned();
        exchange::text(&fixture.house, &operator(), exchange::Text { seq, why })
    };
    let tip = || fixture.house.facts.ledger().tip().seq;
    let before = tip();
    assert!(matches!(look(rows[0].seq, " "), Err(Error::Invalid { .. })));
    let none = look(rows[1].seq, "a complaint").err().unwrap();
    assert!(none.to_string().contains("was not kept"), "{none}");
    assert_eq!(tip(), before, "nobody has looked at anything");
    let texts = look(rows[0].seq, "a complaint").unwrap();
    assert_eq!(texts.request.text, "{\"q\":1}");
    assert!(texts.request.is_text && !texts.response.is_text);
    assert_eq!(tip(), before + 1);
    let told = fixture.exported();
    assert!(
        told.contains("text_viewed") && told.contains("a complaint"),
        "{told}"
    );
    ledger.vault().remove(&hashes).unwrap();
    let gone = look(rows[0].seq, "again").err().unwrap();
    assert!(gone.to_string().contains("expired"), "{gone}");
}

#[test]
fn use_has_a_point_for_each_step() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.account("a"), fixture.account("b"));
    fixture.exchange(&one, "m", 1_000_000_000);
    refuse(&fixture, &one);
    fixture.clock.fetch_add(3 * DAY_US, Ordering::Relaxed);
    fixture.exchange(&one, "n", 500_000_000);
    fixture.exchange(&other, "n", 1);
    let show = |input: usage::Show| usage::show(&fixture.house, &operator(), input);
    let whole = show(usage::Show::default()).unwrap();
    assert!(!whole.behind);
    assert_eq!((whole.points.len(), whole.sum.requests), (30, 3));
    assert_eq!(whole.sum.refusals, Some(1));
    let requests: Vec<u64> = whole.points[26..]
        .iter()
        .map(|point| point.requests)
        .collect();
    assert_eq!(requests, [1, 0, 0, 2]);
    let hours = usage::Show {
        step: Step::Hour,
        model: Some("n".into()),
        ..usage::Show::default()
    };
    let hours = show(hours).unwrap();
    assert_eq!((hours.points.len(), hours.sum.requests), (48, 2));
    let of_a = usage::Show {
        account: Some("a".into()),
        ..usage::Show::default()
    };
    let of_a = show(of_a).unwrap();
    assert_eq!((of_a.sum.requests, of_a.sum.dollars.as_str()), (2, "1.50"));
    assert_eq!((of_a.sum.refusals, of_a.sum.errors), (Some(1), None));
    let of_b = usage::Show {
        organization: Some("b's".into()),
        ..usage::Show::default()
    };
    assert_eq!(show(of_b).unwrap().sum.requests, 1);
    let field = |input: usage::Show| match show(input) {
        Err(Error::Invalid { field, .. }) => field,
        other => format!("{other:?}"),
    };
    let any = usage::Show::default;
    let hours = usage::Show {
        step: Step::Hour,
        account: Some("a".into()),
        ..any()
    };
    assert_eq!(field(hours), "step");
    assert_eq!(
        field(usage::Show {
            from: Some("1990-01-01".into()),
            ..any()
        }),
        "from"
    );
    assert_eq!(
        field(usage::Show {
            from: Some("2100-01-01".into()),
            ..any()
        }),
        "from"
    );
    assert_eq!(
        field(usage::Show {
            until: Some("soon".into()),
            ..any()
        }),
        "until"
    );
}
