//! What goes wrong is told with a reason, a hint and a status.

use crate::still::Still;

#[test]
fn what_is_not_there_or_not_clear_is_told() {
    let still = Still::new();
    let said = still.say(&["account", "show", "nobody"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.err,
        "error: there is no account `nobody`\nhint: `stillhouse account list` shows what there is\n"
    );
    still.good(&["organization", "create", "Twin"]);
    still.good(&["organization", "create", "Twin"]);
    let said = still.say(&["account", "create", "a", "--organization", "Twin"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("more than one organization is called `Twin`"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("hint: name it by its id, such as org_"),
        "{}",
        said.err
    );
    let organization = still.json(&["organization", "create", "Acme"]);
    let id = organization["id"].as_str().unwrap();
    let said = still.say(&[
        "account",
        "create",
        "a",
        "--organization",
        id,
        "--plan",
        "gold",
    ]);
    assert!(said.err.contains("there is no plan `gold`"), "{}", said.err);
    assert!(said.err.contains("there are: default"), "{}", said.err);
    let said = still.say(&["account", "show", "acct_1"]);
    assert_eq!(said.code, 2);
    let said = still.say(&[
        "account",
        "create",
        "a",
        "--organization",
        id,
        "--spend-dollars",
        "x",
    ]);
    assert_eq!(said.code, 2);
    let said = still.say(&["organization", "create", " "]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn a_folder_without_a_ledger_has_none_to_read() {
    let still = Still::new();
    let said = still.say(&["ledger", "verify"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("holds no ledger"), "{}", said.err);
    let said = still.say(&["--json", "ledger", "tail"]);
    let told: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("holds no ledger")
    );
}

#[test]
fn a_model_that_was_not_pulled_is_named() {
    let still = Still::new();
    let file = still.data.path().join("empty.toml");
    std::fs::write(&file, "").unwrap();
    let said = still.say(&[
        "--config",
        file.to_str().unwrap(),
        "serve",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("hint: fetch it by `stillhouse model pull smollm2-135m`"),
        "{}",
        said.err
    );
    assert!(still.good(&["model", "pulled"]).contains("(none)"));
    assert_eq!(still.say(&["model", "rm", "x"]).code, 1);
    assert_eq!(still.say(&["model", "pull", "owner/file.gguf"]).code, 1);
}
