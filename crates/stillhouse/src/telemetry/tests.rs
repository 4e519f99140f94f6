//! Metrics and traces as their readers see them: the text parsed, the counts held against what
//! was told, the names held against the dashboard and the alert rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gateway::{Ended, Observer, Timings, TurnedAway};
use guard::admission::Table;
use ledger::facts::Facts;
use record::{
    Amount, Endpoint, Exchange, Id, Money, Origin, Outcome, Reason, Time, Usage, UsageSource,
};

use super::metrics::Metrics;
use super::{Answerer, Exposition, Standing, Telemetry};

/// A house without a listener, and what it exposes.
struct House {
    telemetry: Telemetry,
    text: Exposition,
    _folder: tempfile::TempDir,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
    let mut options = ledger::Options::new(folder.path(), Arc::new(|| 1), random.clone());
    options.segment_bytes = 1 << 20;
    let facts = Facts::open(options, "test").unwrap();
    let telemetry = Telemetry {
        metrics: Some(Arc::<Metrics>::default()),
        spans: None,
    };
    let gateway = gateway::Gateway::new(gateway::Parts {
        facts: facts.clone(),
        table: Arc::new(Table::new(Vec::new(), Box::new(|_| Amount::ZERO))),
        models: gateway::Models::default(),
        clock: Arc::new(|| Time::from_micros(1)),
        random,
        options: gateway::Options::default(),
        observer: telemetry.observer(),
    });
    let answerers = || {
        let health = upstream::Health {
            ready: 1,
            unreachable: 1,
            servers: 2,
            in_flight: 3,
            last_error: None,
        };
        let load = local::Load {
            slots: 8,
            working: 8,
            queue: 64,
            waiting: 5,
        };
        vec![Answerer {
            name: "quo\"te\\d".to_owned(),
            health,
            load: Some(load),
            servers: Vec::new(),
            probes: Some(upstream::Probes {
                answered: 7,
                failed: 2,
            }),
        }]
    };
    let text = telemetry
        .exposition(Standing {
            gateway,
            facts,
            answerers: Box::new(answerers),
            since: Time::from_micros(1_500_000),
            version: "0.0.0",
        })
        .unwrap();
    House {
        telemetry,
        text,
        _folder: folder,
    }
}

fn exchange(model: &str, outcome: Outcome) -> Exchange {
    Exchange {
        id: Id::new(Time::from_micros(1), [1; 10]),
        account: Id::new(Time::from_micros(1), [0xac; 10]),
        key: None,
        grant: None,
        endpoint: Endpoint::Chat,
        model: model.to_owned(),
        upstream: "http://127.0.0.1:8000/v1".to_owned(),
        arrived: Time::from_micros(1),
        first_byte_us: 20_000,
        duration_us: 300_000,
        status: 200,
        outcome,
        streamed: true,
        request_bytes: 10,
        response_bytes: 20,
        usage: Some(Usage {
            input: 100,
            cached_input: 40,
            output: 9,
            reasoning: 3,
            source: UsageSource::Estimated,
        }),
        cost: Amount {
            money: Money::from_nanos(1_500_000),
            tokens: 109,
        },
        shares: Vec::new(),
        edits: Vec::new(),
        origin: Origin::default(),
        bodies: None,
        idempotency: None,
    }
}

fn tell(house: &House, model: Option<u32>, exchange: &Exchange) {
    tell_of(house, model, exchange, exchange.status);
}

/// Tells of an exchange whose client got this status; another than its own if it was withheld.
fn tell_of(house: &House, model: Option<u32>, exchange: &Exchange, status: u16) {
    house.telemetry.ended(&Ended {
        model,
        exchange,
        status,
        upstream: "up",
        upstream_model: "m",
        timings: Timings {
            read_us: 10,
            asked_us: 110,
            answered_us: 20_000,
            ended_us: 300_000,
        },
        recorded: status == exchange.status,
        trace: None,
    });
}

/// The value of each series, by its name with labels as the text has them.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let value = value.parse().unwrap();
        let known = series.insert(name.to_owned(), value);
        assert_eq!(known, None, "{name} is there twice");
    }
    series
}

/// The names of all metrics, with their kinds.
fn kinds(text: &str) -> BTreeMap<&str, &str> {
    let kind = |line| str::split_once(str::strip_prefix(line, "# TYPE ")?, ' ');
    text.lines().filter_map(kind).collect()
}

#[test]
fn what_is_told_is_what_is_exposed() {
    let house = house();
    let model = Some(house.telemetry.model("m"));
    tell(&house, model, &exchange("m", Outcome::Completed));
    tell(&house, model, &exchange("m", Outcome::ClientLeft));
    tell(&house, None, &exchange("gone", Outcome::Completed));
    house.telemetry.turned_away(&TurnedAway {
        endpoint: None,
        model: None,
        status: 404,
        reason: Reason::UnknownEndpoint,
        arrived: Time::from_micros(1),
        duration_us: 5,
        trace: None,
    });
    let text = (house.text)();
    let series = parsed(&text);
    for (name, value) in [
        (
            "requests_total{endpoint=\"chat\",model=\"m\",status=\"2xx\"}",
            2.0,
        ),
        (
            "requests_total{endpoint=\"chat\",model=\"other\",status=\"2xx\"}",
            1.0,
        ),
        (
            "requests_total{endpoint=\"none\",model=\"other\",status=\"4xx\"}",
            1.0,
        ),
        ("refusals_total{reason=\"unknown_endpoint\"}", 1.0),
        ("refusals_total{reason=\"queue_full\"}", 0.0),
        ("exchanges_total{model=\"m\",outcome=\"client_left\"}", 1.0),
        ("tokens_total{model=\"m\",kind=\"cached_input\"}", 80.0),
        ("estimated_usage_total{model=\"m\"}", 2.0),
        ("spend_dollars_total{model=\"m\"}", 0.003),
        ("request_duration_seconds_sum{model=\"m\"}", 0.6),
        (
            "request_duration_seconds_bucket{model=\"m\",le=\"0.25\"}",
            0.0,
        ),
        (
            "request_duration_seconds_bucket{model=\"m\",le=\"0.5\"}",
            2.0,
        ),
        (
            "time_to_first_byte_seconds_bucket{model=\"m\",le=\"0.025\"}",
            2.0,
        ),
        (
            "added_latency_seconds_bucket{streamed=\"true\",le=\"0.0001\"}",
            3.0,
        ),
        ("upstream_servers_up{upstream=\"quo\\\"te\\\\d\"}", 1.0),
        ("local_queue_length{upstream=\"quo\\\"te\\\\d\"}", 5.0),
        ("ledger_state{state=\"good\"}", 1.0),
        ("build_info{version=\"0.0.0\"}", 1.0),
    ] {
        let got = series.get(&format!("stillhouse_{name}"));
        assert_eq!(got, Some(&value), "{name}\n{text}");
    }
    assert_eq!(series["process_start_time_seconds"], 1.5);
    assert!(series["process_cpu_seconds_total"] > 0.0);
    assert!(series["process_resident_memory_bytes"] > 1e6);
    let account = exchange("m", Outcome::Completed).account.to_string();
    assert!(!text.contains(&account), "no account is a label");
}

#[test]
fn an_answer_that_was_withheld_counts_as_what_was_sent() {
    let house = house();
    tell_of(&house, None, &exchange("gone", Outcome::Completed), 503);
    let series = parsed(&(house.text)());
    // A class that has no request yet has no series.
    let requests = |class| {
        let labels = format!("endpoint=\"chat\",model=\"other\",status=\"{class}\"");
        let name = format!("stillhouse_requests_total{{{labels}}}");
        series.get(&name).copied().unwrap_or_default()
    };
    assert_eq!(requests("5xx"), 1.0);
    assert_eq!(requests("2xx"), 0.0);
    assert_eq!(series["stillhouse_unrecorded_exchanges_total"], 1.0);
}

#[test]
fn probes_are_counted() {
    let series = parsed(&(house().text)());
    let of = |name: &str, more: &str| {
        series[&format!("stillhouse_{name}{{upstream=\"quo\\\"te\\\\d\"{more}}}")]
    };
    assert_eq!(of("upstream_servers_unreachable", ""), 1.0);
    assert_eq!(of("upstream_probes_total", ",result=\"answered\""), 7.0);
    assert_eq!(of("upstream_probes_total", ",result=\"failed\""), 2.0);
}

#[test]
fn names_keep_the_conventions() {
    let text = (house().text)();
    for (name, kind) in kinds(&text) {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert!(name.starts_with("stillhouse_") || name.starts_with("process_"));
        if kind == "histogram" {
            assert!(name.ends_with("_seconds"), "{name}");
        }
        let unit = name
            .strip_suffix("_total")
            .unwrap_or(name)
            .rsplit('_')
            .next();
        for other in ["ms", "us", "millis", "micros", "kib", "mb", "percent"] {
            assert_ne!(unit, Some(other), "{name} is not in base units");
        }
    }
}

#[test]
fn a_model_more_is_a_bounded_number_of_series_more() {
    let house = house();
    let before = parsed(&(house.text)()).len();
    house.telemetry.model("m");
    let one = parsed(&(house.text)()).len() - before;
    assert!(one < 60, "{one} series for a model that nobody asked");
    for _ in 0..1000 {
        tell(&house, None, &exchange("made up", Outcome::Completed));
    }
    let after = parsed(&(house.text)()).len();
    assert_eq!(after, before + one + 1, "a made-up name is none");
}

/// The metrics that a text of expressions names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("stillhouse_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn deployed(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/");
    std::fs::read_to_string(format!("{root}{path}")).unwrap()
}

#[test]
fn dashboard_and_alerts_name_only_what_there_is() {
    let house = house();
    house.telemetry.model("m");
    let text = (house.text)() + &super::exposition::of_traces();
    let kinds = kinds(&text);
    let exists = |name: &str| {
        let series = ["_bucket", "_sum", "_count"].map(|end| name.strip_suffix(end));
        let mut histograms = series.into_iter().flatten();
        kinds.contains_key(name) || histograms.any(|name| kinds.get(name) == Some(&"histogram"))
    };
    let dashboard: serde_json::Value =
        serde_json::from_str(&deployed("grafana/stillhouse.json")).unwrap();
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    assert!(expressions.len() > 20, "{} expressions", expressions.len());
    let rules = deployed("prometheus/alerts.yml");
    let mut alerts = Vec::new();
    for line in rules.lines() {
        assert!(!line.contains('\t'));
        alerts.extend(line.trim().strip_prefix("expr: ").map(str::to_owned));
    }
    assert_eq!(alerts.len(), rules.matches("- alert: ").count());
    assert_eq!(alerts.len(), rules.matches("runbook: ").count());
    for expression in expressions.iter().chain(&alerts) {
        let names = named(expression);
        assert!(
            !names.is_empty() || expression.contains("up{"),
            "{expression}"
        );
        for name in names {
            assert!(exists(&name), "{name} in `{expression}` is not exposed");
        }
    }
}

/// Every `expr` and every query of a variable in a dashboard.
fn collect(value: &serde_json::Value, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, out)),
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    serde_json::Value::String(text) if key == "expr" => out.push(text.clone()),
                    value => collect(value, out),
                }
            }
        }
        _ => {}
    }
}
