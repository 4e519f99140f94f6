use operations::replay::{
    Account, Action, BadLine, Band, Cluster, Counts, Evidence, Found, Report, Settings, Sources,
    Stream, Summary, Touched,
};

use super::*;

fn evidence(signal: &str, decibans: i32, text: &str, alternative: Option<&str>) -> Evidence {
    Evidence {
        signal: signal.into(),
        decibans,
        text: text.into(),
        alternative: alternative.map(str::to_owned),
    }
}

fn account(id: &str, band: Band, risk: f64, action: Option<(Action, u64)>) -> Account {
    Account {
        id: id.into(),
        exchanges: 1_240,
        risk,
        band,
        action,
        cluster: (band == Band::AlmostCertain).then(|| "cluster-3".into()),
        evidence: vec![
            evidence(
                "B1.template_mass",
                24,
                "93% of its requests are one template with other slots.",
                Some("A product with one prompt does the same, and rarely asks on so many topics."),
            ),
            evidence(
                "B9.echo",
                11,
                "41 answers came back in later requests.",
                None,
            ),
            evidence("S4.office_hours", -6, "It keeps office hours.", None),
        ],
    }
}

/// A report with something in every part.
#[expect(clippy::too_many_lines, reason = "a sample is one value")]
fn sample() -> Report {
    let mut accounts = vec![
        account(
            "acct_<script>alert(1)</script>",
            Band::AlmostCertain,
            0.9995,
            Some((Action::ProposeSuspend, 320)),
        ),
        account("acct_9f1c", Band::Likely, 0.97, Some((Action::Pace, 210))),
    ];
    accounts.extend((0..20).map(|at| account(&format!("acct_{at:02}"), Band::Unusual, 0.2, None)));
    Report {
        summary: Summary {
            counts: Counts {
                lines: 412_345,
                exchanges: 412_330,
                events: 2,
                accounts: 3_188,
                accounts_described: 3_180,
                findings: 77,
                clusters: 1,
                passed_over: 12,
                bad: [("not_json".to_owned(), 12), ("no_account".to_owned(), 1)].into(),
                bad_lines: vec![BadLine {
                    file: "traffic.jsonl".into(),
                    line: 17,
                    reason: "not_json".into(),
                    what: "it is not a JSON object (column 5); was it cut off?".into(),
                }],
                from: Some("2026-10-01T00:00:03Z".into()),
                until: Some("2026-10-31T23:59:58Z".into()),
                ..Counts::default()
            },
            sources: Sources {
                seen: [
                    412_330, 398_000, 398_000, 412_330, 412_330, 0, 400_000, 0, 0, 12_000, 3_180,
                    3_180, 120, 0,
                ],
            },
            seconds: 24.2,
            exchanges_per_second: 17_038.0,
            peak_memory_bytes: Some(612 << 20),
            settings: Settings {
                version: "0.1.0".into(),
                input: "last-month".into(),
                from: "litellm".into(),
                files: vec!["october.jsonl".into()],
                account: None,
                hash_key: "default".into(),
                card: "0f6a2b".into(),
                card_date: "2026-11-26".into(),
                threads: 2,
            },
        },
        found: Found {
            bands: [3_166, 20, 0, 1, 1],
            touched: [
                (Action::Observe, 22, 9_000),
                (Action::Strip, 2, 2_100),
                (Action::Pace, 2, 1_900),
                (Action::StepUp, 1, 900),
                (Action::Mark, 1, 900),
                (Action::ProposeSuspend, 1, 880),
            ]
            .map(|(action, accounts, exchanges)| Touched {
                action,
                accounts,
                exchanges,
            })
            .to_vec(),
            accounts,
            clusters: vec![Cluster {
                id: "cluster-3".into(),
                accounts: 212,
                some: (0..12).map(|at| format!("acct_c{at:03}")).collect(),
                risk: 0.998,
                band: Band::AlmostCertain,
                action: Action::StepUp,
                evidence: vec![evidence(
                    "C1.hand_off",
                    28,
                    "31 conversations went on under another of its accounts.",
                    Some("A team that shares one assistant hands conversations over too."),
                )],
                links: vec![
                    ("C1.hand_off".into(), 31, 42),
                    ("C5.template".into(), 160, 18),
                ],
                streams: vec![Stream {
                    id: "stream-8".into(),
                    risk: 0.99,
                    accounts: 40,
                    exchanges: 1_412,
                }],
                all_streams: 1,
            }],
            more_clusters: 0,
        },
    }
}

#[test]
fn every_part_is_told_and_all_text_is_escaped() {
    let html = replay_report(&sample());
    for part in [
        "22 stand out",
        "acct_&lt;script&gt;alert(1)&lt;/script&gt;",
        "would have limited",
        "1 case",
        "93% of its requests",
        "251 times as usual for distilling",
        "4.0 times as usual for honest accounts",
        "Or else: ",
        "Propose suspension",
        "above 99.9%",
        "absent",
        "traffic.jsonl:17",
        "13 lines were skipped",
        "stream-8",
        "17,038 exchanges a second",
    ] {
        let plain = html
            .replace("<strong>", "")
            .replace("</code>", "")
            .replace("<code>", "");
        assert!(html.contains(part) || plain.contains(part), "{part}");
    }
    for foreign in [
        "<script", "http://", "https://", "src=", "<link", "@import", "url(",
    ] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_quiet_or_an_empty_log_is_told_as_such() {
    let mut report = sample();
    report.found = Found {
        bands: [3_188, 0, 0, 0, 0],
        ..Found::default()
    };
    let html = replay_report(&report);
    assert!(
        html.contains("none stands out") && html.contains("No accounts were found to act as one")
    );
    report.summary.counts = Counts {
        stopped: true,
        late: 3,
        ..Counts::default()
    };
    let html = replay_report(&report);
    assert!(html.contains("No exchange could be read"));
    assert!(
        html.contains("Stopped before the end") && html.contains("too late to be put in order")
    );
}
