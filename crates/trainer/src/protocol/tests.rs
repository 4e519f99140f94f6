//! Orders and reports as they are written, and as they are read again.

use super::*;

/// The shortest job that learns.
const LEARN: &str = r#"{"order":"job","version":1,"job":"learn","folder":"runs/1","items":"runs/1/items.jsonl","seed":7,
"stage":"on_policy","student":{"model":"m.gguf"},"teacher":{"kind":"local","model":"m.gguf"},
"learning":{"batch":16,"rate":{"rate":0.001},"loss":{"kind":"reverse_kl"}},"steps":10,"checkpoint_every":5}"#;

#[test]
fn a_short_job_takes_the_defaults() {
    let Order::Job { version, job } = serde_json::from_str(LEARN).unwrap() else {
        panic!("no job")
    };
    let Job::Learn(learn) = job else {
        panic!("another job")
    };
    assert_eq!((version, learn.stage, learn.seed), (1, Stage::OnPolicy, 7));
    assert_eq!(learn.student.tuning, Tuning::default());
    assert_eq!(learn.sampling, Sampling::default());
    assert_eq!((learn.learning.samples, learn.learning.clip), (1, 1.0));
    assert_eq!(learn.learning.loss.support, Support::Whole);
    let unknown = LEARN.replace("\"seed\"", "\"sead\":1,\"seed\"");
    assert!(serde_json::from_str::<Order>(&unknown).is_err());
}

#[test]
fn orders_and_reports_come_back_as_they_were() {
    let mut learn = LEARN.replace(
        "\"reverse_kl\"",
        r#"{"gjsd":{"beta":0.25}},"support":{"student":20}"#,
    );
    learn = learn.replace(
        "\"model\":\"m.gguf\"},\"teacher\"",
        r#""model":"m.gguf","tuning":{"kind":"full"}},"teacher""#,
    );
    let order: Order = serde_json::from_str(&learn).unwrap();
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    assert!(
        text.contains(r#""tuning":{"kind":"full"}"#) && text.contains(r#"{"gjsd":{"beta":0.25}}"#),
        "{text}"
    );
    let position = PositionScores {
        at: vec![Some(-0.1), None],
        top: vec![(3, -0.1)],
        tail: Some(0.05),
    };
    let scores = Order::Scores(Scores {
        question: 3,
        sequences: vec![
            None,
            Some(SequenceScores {
                positions: vec![position],
            }),
        ],
    });
    let text = serde_json::to_string(&scores).unwrap();
    assert_eq!(
        text,
        r#"{"order":"scores","question":3,"sequences":[null,{"positions":[{"at":[-0.1,null],"top":[[3,-0.1]],"tail":0.05}]}]}"#
    );
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), scores);
    assert_eq!(
        serde_json::to_string(&Order::Pause).unwrap(),
        r#"{"order":"pause"}"#
    );
    let done = Report::Done(Done {
        paused: true,
        step: Some(4),
    });
    let text = serde_json::to_string(&done).unwrap();
    assert_eq!(text, r#"{"report":"done","paused":true,"step":4}"#);
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), done);
}

#[test]
fn a_kind_is_written_by_its_name_or_with_options() {
    let read = |text: &str| serde_json::from_str::<Kind>(text);
    let grpo = Kind::Grpo {
        low: 0.2,
        high: 0.2,
        spread: Spread::Population,
        teacher: 0.0,
        start: 0.0,
    };
    assert_eq!(read("\"grpo\"").unwrap(), grpo);
    assert_eq!(read("\"k2\"").unwrap(), Kind::K2);
    let short = read(r#"{"grpo":{"high":0.3,"spread":"none"}}"#).unwrap();
    assert!(matches!(
        short,
        Kind::Grpo {
            high: 0.3,
            spread: Spread::None,
            ..
        }
    ));
    let beta = Kind::Gjsd { beta: 0.5 };
    for kind in [grpo, beta, Kind::K1] {
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(read(&text).unwrap(), kind, "{text}");
    }
    assert_eq!(
        serde_json::to_string(&Kind::ForwardKl).unwrap(),
        "\"forward_kl\""
    );
    for bad in ["\"grpoo\"", "\"gjsd\"", r#"{"grpo":{"lower":1}}"#, "3"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
