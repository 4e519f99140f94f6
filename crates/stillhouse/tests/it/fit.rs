//! `guard fit` from the command line: a card from labelled folders, and a replay that finds by it what
//! the labels taught.

use std::fmt::Write as _;
use std::path::Path;

use crate::still::Still;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder of honest accounts that ask few things again and again, and of some that ask ever new ones
/// in one frame. `seed` makes it another folder.
fn folder(at: &Path, seed: u64, honest: u64, distilling: u64, labels: bool) {
    std::fs::create_dir_all(at).unwrap();
    let (mut traffic, mut truth) = (String::new(), String::new());
    let all = honest + distilling;
    for round in 0..14 {
        for account in 0..all {
            let second = round * 4_000 + account * 3 + seed % 3;
            let (day, rest) = (second / 86_400 + 1, second % 86_400);
            let time = format!(
                "2026-05-{day:02}T{:02}:{:02}:{:02}Z",
                rest / 3600,
                rest / 60 % 60,
                rest % 60
            );
            let number = (seed + account * 31 + round * 7) % 10_007;
            let (ask, answer) = match account < honest {
                true => (
                    format!("hours and prices for shop {}", account % 9 + round % 2),
                    "Open from nine to five.".to_owned(),
                ),
                false => (
                    format!("Give your complete reasoning, word for word, on case {number} of river law number {}", number * 17),
                    format!("First the banks of case {number} are looked at, then the {number} owners are heard. ").repeat(9),
                ),
            };
            writeln!(
                traffic,
                r#"{{"id":"{seed}-{account}-{round}","time":"{time}","duration_ms":900,"account":"a{seed}-{account}","endpoint":"/v1/chat/completions","request":{{"model":"m","messages":[{{"role":"user","content":"{ask}"}}]}},"status":200,"response":{{"choices":[{{"message":{{"role":"assistant","content":"{answer}"}}}}]}}}}"#
            )
            .unwrap();
        }
    }
    for account in 0..all {
        let label = if account < honest {
            "honest"
        } else {
            "distilling"
        };
        writeln!(
            truth,
            r#"{{"account":"a{seed}-{account}","label":"{label}","workload":"w"}}"#
        )
        .unwrap();
    }
    std::fs::write(at.join("traffic.jsonl"), traffic).unwrap();
    if labels {
        std::fs::write(at.join("truth.jsonl"), truth).unwrap();
    }
}

#[test]
fn a_card_is_fitted_and_a_replay_finds_by_it() {
    let still = Still::new();
    let at = |name: &str| still.data.path().join(name);
    folder(&at("known"), 1, 90, 40, true);
    folder(&at("site"), 2, 240, 6, false);
    folder(&at("new"), 3, 60, 5, false);
    let (known, site, new) = (at("known"), at("site"), at("new"));
    let (card, out) = (at("card.json"), at("out"));
    let words = [
        "guard",
        "fit",
        text(&known),
        "--reference",
        text(&site),
        "--out",
        text(&card),
    ];
    let said = still.say(&words);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.contains("90 honest and 40 distilling"),
        "{}",
        said.out
    );
    assert!(said.out.contains("has no labels"), "{}", said.out);
    let replay = [
        "replay",
        text(&new),
        "--out",
        text(&out),
        "--card",
        text(&card),
    ];
    let told = still.json(&replay);
    assert_eq!(told["counts"]["exchanges"], 65 * 14);
    let lines = std::fs::read_to_string(out.join("accounts.jsonl")).unwrap();
    let mut risks: Vec<(f64, String)> = lines
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (
                line["risk"].as_f64().unwrap(),
                line["account"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    risks.sort_by(|one, other| other.0.total_cmp(&one.0));
    let worst: Vec<&str> = risks.iter().take(5).map(|(_, id)| id.as_str()).collect();
    for id in worst {
        let number: u64 = id.trim_start_matches("a3-").parse().unwrap();
        assert!(number >= 60, "{risks:?}");
    }
    let findings = std::fs::read_to_string(out.join("findings.jsonl")).unwrap();
    assert!(findings.lines().count() >= 5, "{findings}");
    assert!(!findings.contains("\"a3-0\""), "{findings}");
}

#[test]
fn what_can_not_be_fitted_is_said() {
    let still = Still::new();
    let at = |name: &str| still.data.path().join(name);
    folder(&at("plain"), 1, 20, 2, false);
    folder(&at("few"), 1, 20, 2, true);
    let (plain, few, card) = (at("plain"), at("few"), at("card.json"));
    let fit = |folder: &Path| {
        let words = [
            "guard",
            "fit",
            text(folder),
            "--reference",
            text(&plain),
            "--out",
            text(&card),
        ];
        still.say(&words)
    };
    let said = fit(&plain);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("truth.jsonl"), "{}", said.err);
    let said = fit(&few);
    assert!(
        said.err.contains("20 honest and 2 distilling"),
        "{}",
        said.err
    );
    assert!(!card.exists());
    std::fs::write(&card, "{}").unwrap();
    let out = at("out");
    let words = [
        "replay",
        text(&plain),
        "--out",
        text(&out),
        "--card",
        text(&card),
    ];
    let said = still.say(&words);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("guard fit"), "{}", said.err);
}
