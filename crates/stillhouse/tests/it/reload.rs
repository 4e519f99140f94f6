//! SIGHUP: plans and prices change while the server runs; a wrong file changes nothing.

use crate::still::{Still, until};

#[test]
fn plans_and_prices_are_taken_over() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    assert_eq!(still.ask(&secret).0, 200);
    still.write_settings(
        "[plans.default]\nrequests_per_minute = 1\n",
        "output_dollars_per_million_tokens = 7",
    );
    server.signal("-HUP");
    until("the plan is in force", || {
        let plan = still.json(&["plan", "show", "default"]);
        plan["limits"]["requests_per_minute"] == 1
    });
    let models = still.json(&["model", "list"]);
    assert_eq!(
        models["models"][0]["dollars_per_million_tokens"]["output"],
        "7.00"
    );
    assert_eq!(still.ask(&secret).0, 200);
    let (status, body) = still.ask(&secret);
    assert_eq!(status, 429, "{body}");
}

#[test]
fn a_wrong_file_changes_nothing() {
    let still = Still::new();
    let server = still.serve();
    still.write_settings("[plans.default]\nrequests_per_minut = 1\n", "");
    server.signal("-HUP");
    until("the server complains", || {
        server.read_log().contains("the old ones stay")
    });
    let log = server.read_log();
    assert!(log.contains("did you mean `requests_per_minute`"), "{log}");
    // The file is wrong for the command line too; the server still serves.
    let other = still.data.path().join("good.toml");
    std::fs::write(&other, "").unwrap();
    let plan = still.json(&[
        "--config",
        other.to_str().unwrap(),
        "plan",
        "show",
        "default",
    ]);
    assert!(plan["limits"]["requests_per_minute"].is_null());
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}
