//! `doctor`: each fault is made for real, found, and told with what to do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use crate::still::{Still, quiet, said, until};

/// What `doctor` says: its exit status and its findings.
fn doctor(still: &Still) -> (i32, Value) {
    let said = still.say(&["--json", "doctor"]);
    let json = serde_json::from_str(&said.out)
        .unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err));
    (said.code, json)
}

/// The finding of this check and grade that has these words.
fn find(found: &Value, check: &str, grade: &str, words: &str) -> Value {
    let all = found["findings"].as_array().unwrap();
    let wanted = |one: &&Value| {
        one["check"] == check
            && one["grade"] == grade
            && one["what"].as_str().unwrap().contains(words)
    };
    let one = all.iter().find(wanted);
    let one = one.unwrap_or_else(|| panic!("no {grade} of {check} with `{words}` in {found:#}"));
    assert!(grade == "good" || one["hint"].is_string(), "{one}");
    one.clone()
}

fn settings(still: &Still, more: &str) {
    let file = still.data.path().join("stillhouse.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}{more}")).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn all_is_well_before_beside_and_after_a_server() {
    let still = Still::new();
    let (code, found) = doctor(&still);
    assert_eq!(code, 0, "{found:#}");
    find(&found, "ledger", "advice", "there is none");
    let server = still.serve();
    still.account();
    let (code, found) = doctor(&still);
    assert_eq!(code, 0, "{found:#}");
    find(&found, "ledger", "good", "has the lease and answers");
    find(&found, "port", "good", "is served");
    find(&found, "upstream", "good", "answers (200");
    find(&found, "ledger", "good", "are sound");
    find(&found, "folder", "good", "owner's alone");
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let copy = still.data.path().join("copy");
    still.good(&["ledger", "backup", copy.to_str().unwrap()]);
    let (code, found) = doctor(&still);
    assert_eq!(code, 0, "{found:#}");
    find(&found, "port", "good", "is free");
    find(&found, "backup", "good", "made 0 days ago");
    assert!(still.good(&["doctor"]).contains("good     port"));
}

#[test]
fn settings_that_are_wrong() {
    let still = Still::new();
    settings(&still, "[server]\n");
    let (code, found) = doctor(&still);
    assert_eq!((code, &found["faults"]), (2, &Value::from(1)));
    find(&found, "settings", "fault", "stillhouse.toml");
}

#[test]
fn others_may_look_into_the_folder() {
    let still = Still::new();
    still.good(&["organization", "create", "Acme"]);
    mode(still.data.path(), 0o755);
    mode(&still.data.path().join("ledger/ledger.sqlite"), 0o644);
    let (code, found) = doctor(&still);
    assert_eq!(code, 1, "{found:#}");
    find(&found, "folder", "warning", "mode 755");
    let open = find(&found, "folder", "warning", "ledger.sqlite");
    // What it says to do is what helps.
    let hint = open["hint"].as_str().unwrap();
    let words: Vec<&str> = hint.split(' ').collect();
    assert!(
        Command::new(words[0])
            .args(&words[1..])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(doctor(&still).0, 0);
}

#[test]
fn the_disk_has_less_than_the_spool_may_take() {
    let still = Still::new();
    settings(&still, "[ledger]\nspool_bytes = 9000000000000000000\n");
    let (code, found) = doctor(&still);
    assert_eq!(code, 1);
    find(&found, "disk", "warning", "the spool alone");
}

#[test]
fn the_clock_stands_before_the_last_entry() {
    let still = Still::new();
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let ahead = ahead
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64;
    let random: ledger::Random = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
    let folder = still.data.path().join("ledger");
    let options = ledger::Options::new(folder, Arc::new(move || ahead), random);
    let facts = ledger::facts::Facts::open(options, "test").unwrap();
    facts.close().unwrap();
    let (code, found) = doctor(&still);
    assert_eq!(code, 2);
    find(&found, "clock", "fault", "ahead of the clock");
}

#[test]
fn a_ledger_that_was_changed_or_lost_its_keys_or_heads() {
    let still = Still::new();
    still.account();
    let folder = still.data.path().join("ledger");
    let heads = folder.join("heads.log");
    let good = std::fs::read(&heads).unwrap();
    std::fs::write(&heads, b"rubbish\n").unwrap();
    let (code, found) = doctor(&still);
    assert_eq!(code, 2);
    find(&found, "ledger", "fault", "no signed head");
    std::fs::remove_file(&heads).unwrap();
    find(&doctor(&still).1, "ledger", "fault", "no heads file");
    std::fs::write(&heads, good).unwrap();
    let key = folder.join("keys/signing.key");
    std::fs::rename(&key, folder.join("elsewhere")).unwrap();
    find(
        &doctor(&still).1,
        "ledger",
        "fault",
        "signing.key is missing",
    );
    std::fs::remove_file(folder.join("signing.pub")).unwrap();
    find(&doctor(&still).1, "ledger", "advice", "there is none");
}

#[test]
fn a_store_with_a_flipped_byte() {
    let still = Still::new();
    still.account();
    // The entries are in the store's blocks; the first of them is changed there.
    let script = "import sqlite3,sys\n\
        db=sqlite3.connect(sys.argv[1])\n\
        first,headers=db.execute('select first_seq,headers from block order by first_seq limit 1').fetchone()\n\
        headers=bytearray(headers); headers[50]^=1\n\
        db.execute('update block set headers=? where first_seq=?',(bytes(headers),first)); db.commit()\n";
    let file = still.data.path().join("ledger/ledger.sqlite");
    let done = quiet(Command::new("python3").args(["-c", script]).arg(file));
    assert_eq!(done.code, 0, "{}", done.err);
    let (code, found) = doctor(&still);
    assert_eq!(code, 2, "{found:#}");
    find(&found, "ledger", "fault", "entry");
}

#[test]
fn the_heads_file_has_no_folder() {
    let still = Still::new();
    still.account();
    settings(
        &still,
        "[ledger]\nheads_file = \"/nowhere/at/all/heads.log\"\n",
    );
    let (code, found) = doctor(&still);
    assert_eq!(code, 2);
    find(&found, "ledger", "fault", "folder is not there");
}

#[test]
fn upstreams_that_do_not_answer_or_lack_their_secret() {
    let still = Still::new();
    settings(
        &still,
        "[upstreams.dead]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:9/v1\"]\n\
         [upstreams.bare]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:9/v1\"]\nsecret = { env = \"NOT_THERE\" }\n\
         [upstreams.own]\nkind = \"local\"\n\
         [models.d]\nupstream = \"dead\"\n[models.b]\nupstream = \"bare\"\n[models.o]\nupstream = \"own\"\n",
    );
    let (code, found) = doctor(&still);
    assert_eq!(code, 2);
    find(&found, "upstream", "fault", "127.0.0.1:9");
    find(&found, "upstream", "fault", "NOT_THERE is not set");
    find(&found, "upstream", "good", "`canned`");
    let model = find(&found, "model", "fault", "is not in");
    assert!(model["hint"].as_str().unwrap().contains("model pull"));
    // A file that is there, but is not the model of that name.
    let models = still.data.path().join("models");
    std::fs::create_dir(&models).unwrap();
    std::fs::write(models.join("smollm2-135m.gguf"), b"GGUF but no model").unwrap();
    find(&doctor(&still).1, "model", "fault", "it was changed");
}

#[test]
fn ports_that_are_taken_or_open_to_all() {
    let still = Still::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", still.port)).unwrap();
    let (code, found) = doctor(&still);
    assert_eq!(code, 2);
    find(&found, "port", "fault", "can't be listened on");
    drop(taken);
    let mut open = still.command(&["--json", "doctor"]);
    let open = said(
        open.env("STILLHOUSE_LISTEN", format!("0.0.0.0:{}", still.port))
            .output()
            .unwrap(),
    );
    assert_eq!(open.code, 1, "{}", open.out);
    let found = serde_json::from_str(&open.out).unwrap();
    find(&found, "port", "warning", "without encryption");
    // A server that runs elsewhere than the settings say.
    let _server = still.serve();
    let mut moved = still.command(&["--json", "doctor"]);
    let moved = said(
        moved
            .env("STILLHOUSE_LISTEN", "127.0.0.1:9")
            .output()
            .unwrap(),
    );
    find(
        &serde_json::from_str(&moved.out).unwrap(),
        "port",
        "warning",
        "not its own",
    );
}

#[test]
fn a_lease_without_a_server_that_answers() {
    let still = Still::new();
    let server = still.serve();
    server.signal("-STOP");
    let (code, found) = doctor(&still);
    server.signal("-CONT");
    assert_eq!(code, 1, "{found:#}");
    find(&found, "ledger", "warning", "does not answer");
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn few_files_and_an_old_backup() {
    let still = Still::new();
    let copy = still.data.path().join("copy");
    still.good(&["ledger", "backup", copy.to_str().unwrap()]);
    let note = still.data.path().join("ledger/last-backup");
    let text = std::fs::read_to_string(&note).unwrap();
    let (time, rest) = text.split_once(' ').unwrap();
    let week_ago = time.parse::<u64>().unwrap() - 8 * 86_400_000_000;
    std::fs::write(&note, format!("{week_ago} {rest}")).unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!(
        "ulimit -n 200; exec {} --data-dir {} --json doctor",
        env!("CARGO_BIN_EXE_stillhouse"),
        still.data.path().display()
    ));
    let said = quiet(&mut command);
    assert_eq!(said.code, 1, "{}", said.out);
    let found = serde_json::from_str(&said.out).unwrap();
    find(&found, "limits", "warning", "200 files");
    find(&found, "backup", "warning", "8 days old");
    std::fs::remove_dir_all(copy).unwrap();
    std::fs::write(&note, text).unwrap();
    until("the backup is missed", || {
        let found = doctor(&still).1;
        found.to_string().contains("is not there")
    });
}
