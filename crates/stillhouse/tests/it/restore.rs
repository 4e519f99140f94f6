//! Backups and the way back: made under load, restored elsewhere, served and verified.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::still::Still;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_under_load_is_restored_served_and_verified() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    let copy = still.data.path().join("copy");
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(still.ask(&secret).0, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let asked = |count| {
            while answered.load(Ordering::Relaxed) < count {
                std::thread::yield_now();
            }
        };
        asked(50);
        let made = still.json(&["ledger", "backup", text(&copy), "--with-keys"]);
        assert!(made["entries"].as_u64().unwrap() > 50, "{made}");
        // The server went on meanwhile.
        asked(answered.load(Ordering::Relaxed) + 20);
        stop.store(true, Ordering::Relaxed);
    });
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));

    let mut new = Still::new();
    let elsewhere = new.data.path().join("restored");
    let restored = still.json(&["restore", text(&copy), "--to", text(&elsewhere)]);
    assert!(restored["entries"].as_u64().unwrap() > 50, "{restored}");
    assert!(!restored["missing"].to_string().contains("signing.key"));
    let settings = new.data.path().join("stillhouse.toml");
    std::fs::copy(settings, elsewhere.join("stillhouse.toml")).unwrap();
    new.use_folder(&elsewhere);
    let server = new.serve();
    // The key of before opens the restored server.
    assert_eq!(new.ask(&secret).0, 200);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(new.json(&["ledger", "verify"])["sound"], true);
    let requests = new.json(&["ledger", "cost"])["sum"]["requests"].as_u64();
    assert!(requests.unwrap() > 50);
    // What was there stays there.
    let again = still.say(&["restore", text(&copy), "--to", text(&elsewhere)]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("is not empty"), "{}", again.err);
}

#[test]
fn without_its_keys_it_says_what_is_missing() {
    let still = Still::new();
    let secret = still.account();
    let copy = still.data.path().join("copy");
    still.good(&["ledger", "backup", text(&copy)]);
    let mut new = Still::new();
    let bare = new.data.path().join("bare");
    let said = still.good(&["restore", text(&copy), "--to", text(&bare)]);
    assert!(
        said.contains("the signing key") && said.contains("the vault's key"),
        "{said}"
    );
    let keys = still.data.path().join("ledger/keys");
    let whole = new.data.path().join("whole");
    let restored = still.json(&[
        "restore",
        text(&copy),
        "--to",
        text(&whole),
        "--keys",
        text(&keys),
    ]);
    assert!(
        !restored["missing"].to_string().contains("signing.key"),
        "{restored}"
    );
    std::fs::copy(
        new.data.path().join("stillhouse.toml"),
        whole.join("stillhouse.toml"),
    )
    .unwrap();
    new.use_folder(&whole);
    let _server = new.serve();
    assert_eq!(new.ask(&secret).0, 200);
    // Another ledger's keys are not taken.
    let stranger = Still::new();
    stranger.account();
    let keys = stranger.data.path().join("ledger/keys");
    let third = stranger.data.path().join("third");
    let said = still.say(&[
        "restore",
        text(&copy),
        "--to",
        text(&third),
        "--keys",
        text(&keys),
    ]);
    assert!(
        said.code != 0 && said.err.contains("another ledger"),
        "{}",
        said.err
    );
}

#[test]
fn a_backup_that_was_changed_is_not_restored() {
    let still = Still::new();
    still.account();
    let copy = still.data.path().join("copy");
    still.good(&["ledger", "backup", text(&copy)]);
    std::fs::write(copy.join("heads.log"), "rubbish\n").unwrap();
    let to = still.data.path().join("to");
    let said = still.say(&["restore", text(&copy), "--to", text(&to)]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("nothing was restored"), "{}", said.err);
    assert!(!to.exists());
    let said = still.say(&["restore", "/nowhere", "--to", text(&to)]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("/nowhere"), "{}", said.err);
}
