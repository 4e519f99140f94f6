use record::{
    Account, AccountState, Actor, Change, Edit, Endpoint, Grant, GrantBudget, GrantTerms, Id,
    Invitation, Key, Limits, Money, Operator, Organization, Origin, Outcome, Reason, Role, Share,
    SpendLimit, SpendPeriod, Tier, Time, Token, Usage, UsageSource,
};

use super::*;

fn id<K>(byte: u8) -> Id<K> {
    Id::from_bytes([byte; 16])
}

fn amount(nanos: u64, tokens: u64) -> record::Amount {
    record::Amount {
        money: Money::from_nanos(nanos),
        tokens,
    }
}

fn origin() -> Origin {
    Origin {
        address: "203.0.113.7".into(),
        header_order: 0x0123_4567_89ab_cdef,
        user_agent: "OpenAI/Python 2.9.0".into(),
        accept_language: "de-CH".into(),
    }
}

fn exchange() -> Fact {
    Fact::Exchange(Box::new(Exchange {
        id: id(4),
        account: id(1),
        key: Some(id(5)),
        grant: None,
        endpoint: Endpoint::Chat,
        model: "small".into(),
        upstream: "vllm-1".into(),
        arrived: Time::from_micros(1_764_081_127_000_001),
        first_byte_us: 1234,
        duration_us: 56_789,
        status: 200,
        outcome: Outcome::Completed,
        streamed: true,
        request_bytes: 506,
        response_bytes: 1063,
        usage: Some(Usage {
            input: 42,
            cached_input: 7,
            output: 128,
            reasoning: 3,
            source: UsageSource::Upstream,
        }),
        cost: amount(900, 170),
        shares: vec![Share {
            slice: id(3),
            spent: amount(900, 170),
        }],
        edits: vec![Edit::ModelName, Edit::IncludeUsage],
        origin: origin(),
        bodies: Some([[6; 32], [7; 32]]),
        idempotency: None,
    }))
}

fn refusal() -> Fact {
    Fact::Refusal(Box::new(Refusal {
        id: id(8),
        account: Some(id(1)),
        key: Some(id(5)),
        grant: None,
        path: "/v1/chat/completions".into(),
        model: "large".into(),
        arrived: Time::from_micros(1_764_081_127_000_002),
        status: 404,
        reason: Reason::ModelNotFound,
        origin: origin(),
    }))
}

/// Every change but an account's creation, in the order of their numbers, which is for ever.
fn changes() -> Vec<Change> {
    let terms = GrantTerms {
        teachers: vec!["large".into()],
        purpose: "a student".into(),
        tier: Tier::Topk,
        budget: GrantBudget::new(Some(Money::from_nanos(7)), Some(8)).unwrap(),
        limits: Limits::default(),
        expires: Time::from_micros(9),
    };
    let limits = Change::AccountLimits {
        account: id(1),
        limits: Limits {
            tokens_per_minute: Some(70),
            concurrency: Some(3),
            ..Limits::default()
        },
        spend: None,
    };
    vec![
        Change::OrganizationCreated(Organization {
            id: id(2),
            name: "Analytical Engines".into(),
        }),
        Change::AccountPlan {
            account: id(1),
            plan: "team".into(),
        },
        Change::AccountState {
            account: id(1),
            state: AccountState::Closed,
        },
        limits,
        Change::AccountErased { account: id(1) },
        Change::KeyCreated(Key {
            id: id(5),
            account: id(1),
            name: "laptop".into(),
            prefix: "sk-sh-abcdef".into(),
            hash: [6; 32],
            expires: Some(Time::from_micros(10)),
            spend: None,
            revoked: None,
        }),
        Change::KeyRevoked { key: id(5) },
        Change::GrantIssued(Grant {
            id: id(11),
            account: id(1),
            terms: terms.clone(),
            prefix: "gt-sh-abcdef".into(),
            hash: [12; 32],
            revoked: None,
        }),
        Change::GrantChanged {
            grant: id(11),
            terms,
        },
        Change::GrantRevoked { grant: id(11) },
    ]
}

/// Those that concern the house itself.
fn house_changes() -> Vec<Change> {
    let invitation = Some(Invitation {
        hash: [14; 32],
        expires: Time::from_micros(15),
    });
    vec![
        Change::OperatorCreated(Operator {
            id: id(13),
            name: "alice".into(),
            role: Role::Reviewer,
            password: None,
            invitation: invitation.clone(),
            revoked: None,
        }),
        Change::OperatorChanged {
            operator: id(13),
            role: Role::Admin,
            password: Some("$argon2id$v=19$m=19456,t=2,p=1$AAAA$BBBB".into()),
            invitation,
        },
        Change::OperatorRevoked { operator: id(13) },
        Change::TokenCreated(Token {
            id: id(16),
            operator: id(13),
            name: "backup job".into(),
            prefix: "ot-sh-abcdef".into(),
            hash: [17; 32],
            expires: Some(Time::from_micros(18)),
            revoked: None,
        }),
        Change::TokenRevoked { token: id(16) },
        Change::ModelSwitched {
            model: "small".into(),
            on: false,
        },
        Change::UpstreamSwitched {
            upstream: "vllm-1".into(),
            server: Some("http://127.0.0.1:8000".into()),
            on: true,
        },
        Change::TextViewed { seq: 4321 },
        Change::SettingsReloaded {
            changed: vec!["plans.payg".into(), "models.m".into()],
            waiting: vec!["server.listen".into()],
        },
        Change::PayloadsPruned {
            before: Time::from_micros(1_764_081_127_000_003),
        },
    ]
}

/// One fact of every kind and every change, with every field set.
fn facts() -> Vec<Fact> {
    let mut facts = kinds();
    let changes = changes().into_iter().chain(house_changes());
    facts.extend(changes.map(|change| Fact::Changed {
        by: Actor::Operator("alice".into()),
        why: String::new(),
        change: Box::new(change),
    }));
    facts.extend(run_events().into_iter().map(|event| Fact::Run {
        run: id(19),
        event: Box::new(event),
    }));
    facts
}

fn real(value: f64) -> record::Real {
    record::Real::new(value).unwrap()
}

fn call() -> record::Call {
    record::Call {
        stage: record::Stage::OnPolicy,
        step: 7,
        item: "row-3".into(),
        attempt: 1,
        role: record::CallRole::Score,
    }
}

/// Every event of a run, in the order of their numbers, which is for ever.
fn run_events() -> Vec<record::RunEvent> {
    use record::{Alarm, Cause, Paid, RunEvent, Stage};
    let paid = Paid {
        slice: id(3),
        amount: amount(900, 170),
    };
    let moved = |cause| RunEvent::Moved {
        from: Stage::OnPolicy,
        to: Stage::Paused,
        cause,
        actor: Actor::Operator("alice".into()),
        back_to: Some(4),
    };
    let mut events = vec![
        run_created(),
        RunEvent::Approved {
            grant_revision: 12,
            licence: "own model".into(),
        },
    ];
    events.extend(
        [
            Cause::Done,
            Cause::Skipped,
            Cause::Asked("lunch".into()),
            Cause::Budget,
            Cause::Grant("it was revoked".into()),
            Cause::Disk { free: 1234 },
            Cause::Alarm(Alarm::Length),
            Cause::Failed("the teacher refuses".into()),
            Cause::Advice("there is no gap".into()),
        ]
        .map(moved),
    );
    events.extend(run_calls());
    events.extend(run_work(paid));
    events
}

/// What runs do, beside what they buy.
fn run_work(paid: record::Paid) -> Vec<record::RunEvent> {
    use record::{Alarm, Measure, Metric, RunEvent, Stage};
    vec![
        RunEvent::Step {
            stage: Stage::OnPolicy,
            step: 7,
            items: [20; 32],
            teacher: [21; 32],
            measures: vec![Measure {
                metric: Metric::Loss,
                value: real(0.25),
            }],
            paid,
        },
        RunEvent::Checkpoint {
            stage: Stage::OnPolicy,
            step: 7,
            digest: [22; 32],
        },
        run_evaluated(paid),
        RunEvent::Alarmed {
            alarm: Alarm::Cut,
            stage: Stage::OnPolicy,
            step: 7,
            value: real(0.5),
            bound: real(0.2),
        },
        RunEvent::Quoted {
            quote: Box::new(record::Quote {
                verdict: "go".into(),
                why: "the teacher knows more".into(),
                amount: [amount(1, 2), amount(3, 4), amount(5, 6)],
                seconds: [real(1.0), real(2.0), real(3.0)],
            }),
            paid,
        },
        RunEvent::Exported {
            files: vec![record::Export {
                form: "gguf".into(),
                path: "student/student.gguf".into(),
                digest: [23; 32],
            }],
        },
        RunEvent::Worked {
            stage: Stage::Collect,
            paid,
        },
        RunEvent::Cleaned {
            kept: vec![(Stage::OnPolicy, 120)],
            bytes: 900_000_000,
            actor: Actor::Operator("alice".into()),
            why: "space".into(),
        },
    ]
}

fn run_created() -> record::RunEvent {
    record::RunEvent::Created(Box::new(record::RunCreated {
        name: "invoices".into(),
        grant: id(11),
        account: id(1),
        parent: Some((id(24), 8)),
        seed: 42,
        spec: "{}".into(),
        budget: amount(1_000_000, 2_000_000),
        student: [25; 32],
        teacher: [21; 32],
        data: [[26; 32], [27; 32]],
    }))
}

fn run_calls() -> Vec<record::RunEvent> {
    use record::RunEvent;
    vec![
        RunEvent::Asked {
            call: call(),
            request: [28; 32],
            slice: id(3),
            worst: amount(1000, 200),
            idempotent: true,
        },
        RunEvent::Bought {
            call: call(),
            request: [28; 32],
            slice: id(3),
            usage: Usage {
                input: 42,
                cached_input: 7,
                output: 1,
                reasoning: 0,
                source: UsageSource::Upstream,
            },
            spent: amount(900, 43),
            response: [29; 32],
        },
        RunEvent::Lost {
            call: call(),
            slice: id(3),
            spent: amount(0, 0),
            why: "it was refused".into(),
        },
    ]
}

fn run_evaluated(paid: record::Paid) -> record::RunEvent {
    let score = |of, right| record::Score {
        of,
        scorer: "json_fields".into(),
        items: 200,
        right,
        score: record::Interval {
            low: real(0.5),
            value: real(0.6),
            high: real(0.7),
        },
    };
    record::RunEvent::Evaluated {
        stage: record::Stage::OnPolicy,
        step: 7,
        scores: vec![
            score(record::Scored::Start, None),
            score(record::Scored::Teacher, Some(120)),
            score(record::Scored::Student, Some(110)),
        ],
        paid,
    }
}

fn kinds() -> Vec<Fact> {
    let budget = record::Budget {
        owner: record::BudgetOwner::Account(id(1)),
        start_day: 20_410,
    };
    vec![
        Fact::ServerStarted {
            version: "0.1.0".into(),
        },
        Fact::ServerStopped,
        Fact::Changed {
            by: Actor::Operator("uid:1000".into()),
            why: "a new customer".into(),
            change: Box::new(Change::AccountCreated(Account {
                id: id(1),
                organization: id(2),
                name: "Ada".into(),
                plan: "payg".into(),
                state: AccountState::Active,
                limits: Limits {
                    requests_per_minute: Some(60),
                    ..Limits::default()
                },
                spend: Some(SpendLimit {
                    amount: Money::from_nanos(5_000_000_000),
                    period: SpendPeriod::Month,
                }),
            })),
        },
        Fact::SliceReserved(Slice {
            id: id(3),
            budget,
            reserved: amount(1000, 20),
        }),
        Fact::SliceSettled {
            slice: id(3),
            spent: amount(900, 10),
            overrun: amount(0, 1),
        },
        exchange(),
        refusal(),
        Fact::RefusalsCounted {
            from: Time::from_micros(1_764_081_127_000_003),
            until: Time::from_micros(1_764_081_128_000_003),
            count: 4321,
        },
    ]
}

/// The golden file of version 1: kind and payload in hexadecimal, a line a fact.
#[test]
fn version_1_is_what_it_was() {
    let golden = include_str!("../../../tests/golden/facts-v1.txt");
    let mut written = String::new();
    for fact in facts() {
        let mut payload = Vec::new();
        let kind = encode(&fact, &mut payload);
        written.push_str(&format!("{kind} {}\n", hex::encode(&payload)));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/facts-v1.txt"),
            &written,
        )
        .unwrap();
        return;
    }
    assert_eq!(written, golden);
}

#[test]
fn every_golden_line_reads_back() {
    let golden = include_str!("../../../tests/golden/facts-v1.txt");
    let read: Vec<Fact> = golden
        .lines()
        .map(|line| {
            let (kind, payload) = line.split_once(' ').unwrap();
            let payload = hex::decode(payload).unwrap();
            decode(kind.parse().unwrap(), 1, &payload).unwrap().unwrap()
        })
        .collect();
    assert_eq!(read, facts());
}

#[test]
fn what_is_newer_or_broken_is_told() {
    assert_eq!(decode(1, 1, b"head"), Ok(None));
    let newer = decode(kind::EXCHANGE, 2, &[]).unwrap_err();
    assert_eq!(
        newer,
        DecodeError::Unknown {
            kind: kind::EXCHANGE,
            version: 2
        }
    );
    assert!(matches!(
        decode(kind::REFUSAL, 1, &[1, 2]),
        Err(DecodeError::Malformed { .. })
    ));
    let mut payload = Vec::new();
    let kind = encode(
        &Fact::ServerStarted {
            version: "1".into(),
        },
        &mut payload,
    );
    payload.push(0);
    assert!(matches!(
        decode(kind, 1, &payload),
        Err(DecodeError::Malformed { .. })
    ));
}
