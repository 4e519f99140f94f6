//! Texts in, settled values and errors out.

use super::super::{LocalFile, Origin, Upstream};
use super::*;

fn settled(text: &str) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, text).unwrap();
    settle(&Outside {
        config: Some(path),
        processors: 2,
        ..Outside::default()
    })
}

fn refused(text: &str) -> (String, String) {
    let error = settled(text).unwrap_err();
    let told = error.to_string();
    let told = told.rsplit_once("s.toml").unwrap().1.to_owned();
    (told, error.hint().unwrap_or_default())
}

#[test]
fn nothing_written_is_one_model_in_process() {
    let settings = settle(&Outside::default()).unwrap();
    assert_eq!(settings.server.listen[0].to_string(), "127.0.0.1:8080");
    assert_eq!(settings.plans[0].name, "default");
    let Upstream::Local(local) = &settings.upstreams["local"] else {
        panic!("not in process: {:?}", settings.upstreams);
    };
    assert_eq!(local.file, LocalFile::Pulled(DEFAULT_MODEL.into()));
    assert_eq!(settings.models[DEFAULT_MODEL].upstream, "local");
    assert!(
        settings
            .report
            .lines
            .iter()
            .all(|line| line.from == Origin::Default)
    );
}

#[test]
fn an_unknown_key_is_refused_with_place_and_hint() {
    let (told, hint) = refused("[plans.a]\nrequests_per_minut = 1\n");
    assert_eq!(told, ":2:1: unknown key `requests_per_minut`");
    assert_eq!(hint, "did you mean `requests_per_minute`?");
    let (told, hint) = refused("\n[sever]\n");
    assert_eq!(told, ":2:2: unknown key `sever`");
    assert_eq!(hint, "did you mean `server`?");
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    let (told, hint) = refused(
        "[upstreams.vllm]\nkind = \"openai\"\nservers = [\"http://a\"]\n[models.m]\nupstream = \"vlm\"\n",
    );
    assert_eq!(
        told,
        ":5:1: `models.m.upstream`: there is no upstream `vlm`"
    );
    assert_eq!(hint, "did you mean `vllm`?");
    for (text, expected) in [
        ("[server]\nlisten = [\"x\"]", ":2:"),
        (
            "[server]\ndrain_limit_ms = 0",
            ":2:1: `server.drain_limit_ms`",
        ),
        ("[server]\nworkers = 0", ":2:1: `server.workers`"),
        (
            "[server]\nscore_check_share = 1.5",
            ":2:1: `server.score_check_share`",
        ),
        ("[server]\nlisten = []", ":2:1: `server.listen`"),
        (
            "[server]\nlisted_paths = [\"v1\"]",
            ":2:1: `server.listed_paths`",
        ),
        (
            "[plans.p]\nspend_period = \"day\"",
            ":2:1: `plans.p.spend_period`",
        ),
        ("[plans.p]\nmodels = [\"x\"]", ":2:1: `plans.p.models`"),
        ("[plans.p]\nspend_dollars = -1", ":2:17:"),
        (
            "[upstreams.u]\nkind = \"local\"\nretries = 1",
            ":3:1: `upstreams.u.retries`",
        ),
        ("[upstreams.u]\nservers = [\"http://a\"]", ":1:"),
        ("[upstreams.u]\nkind = \"openai\"", ":1:"),
        ("[ledger]\nspool_bytes = 5", ":2:1: `ledger.spool_bytes`"),
        ("a = ", ":1:"),
    ] {
        let (told, _) = refused(text);
        assert!(told.starts_with(expected), "{text}: {told}");
    }
}

#[test]
fn the_later_source_wins_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(
        &path,
        "data_dir = \"/f\"\n[server]\nworkers = 3\n[log]\nformat = \"json\"\n",
    )
    .unwrap();
    let settings = settle(&Outside {
        config: Some(path),
        workers: Some((4, Origin::Flag("--workers"))),
        data_dir: Some(("/e".into(), Origin::Env("STILLHOUSE_DATA_DIR"))),
        ..Outside::default()
    })
    .unwrap();
    assert_eq!(settings.server.workers, 4);
    assert_eq!(settings.data_dir, Path::new("/e"));
    let from = |key: &str| {
        let line = settings.report.lines.iter().find(|line| line.key == key);
        line.unwrap().from.to_string()
    };
    assert_eq!(from("server.workers"), "flag --workers");
    assert_eq!(from("data_dir"), "env STILLHOUSE_DATA_DIR");
    assert!(
        from("log.format").ends_with("s.toml:5"),
        "{}",
        from("log.format")
    );
    assert_eq!(from("ledger.segment_bytes"), "default");
}

#[test]
fn prices_and_limits_are_settled_exactly() {
    let settings = settled(
        "[upstreams.u]\nkind = \"openai\"\nservers = [\"http://a/v1\"]\nsecret = { env = \"K\" }\n\
         [models.m]\ninput_dollars_per_million_tokens = 0.15\n\
         output_dollars_per_million_tokens = \"0.6\"\n\
         [plans.p]\nspend_dollars = 12.5\nspend_period = \"day\"\ntop_logprobs = 0\n",
    )
    .unwrap();
    let prices = settings.models["m"].prices;
    assert_eq!((prices.input, prices.cached), (150, 150));
    assert_eq!((prices.output, prices.reasoning), (600, 600));
    let plan = &settings.plans[0];
    assert_eq!(plan.spend.unwrap().amount.to_string(), "12.50");
    assert_eq!(plan.capabilities.top_logprobs, None);
}

#[test]
fn the_example_settles_and_names_every_key() {
    let text = include_str!("../../../stillhouse.example.toml");
    settled(text).unwrap();
    // Every key stands in the example, most of them commented out.
    let all = "[upstreams.a]\nkind = \"openai\"\nservers = [\"http://a\"]\n\
               [upstreams.b]\nkind = \"local\"\n[models.m]\nupstream = \"a\"\n";
    let settings = settled(all).unwrap();
    for line in settings.report.lines {
        let last = line.key.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("{last} =")),
            "{} is not in the example",
            line.key
        );
    }
}

#[test]
fn the_operators_port_is_off_where_it_listens_nowhere() {
    let settings = settled("[operator]\nlisten = []\n").unwrap();
    assert!(settings.operator.listen.is_empty());
    let settings = settled("[operator]\npublic_url = \"https://a.example/\"\n").unwrap();
    assert_eq!(settings.operator.public_url, "https://a.example");
    assert_eq!(settings.operator.listen[0].to_string(), "127.0.0.1:8181");
    let (told, hint) = refused("[operator]\npublic_url = \"a.example\"\n");
    assert!(told.starts_with(":2:1: `operator.public_url`"), "{told}");
    assert!(hint.contains("https://"), "{hint}");
    let (told, _) = refused("[operator]\nsession_hours = 0\n");
    assert!(told.contains("1 to 720 are possible"), "{told}");
}
