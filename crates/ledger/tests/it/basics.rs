//! Appending, reading back, folding, closing and opening again.

use std::path::Path;
use std::time::Duration;

use ledger::{Draft, Error, Ledger, NoFolder, Reader, State, check_tail};

use crate::kit::{self, KIND, open, payload};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn what_was_appended_reads_back_now_and_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = open(dir.path());
    for number in 0..500u64 {
        let bytes = payload(number, 300);
        let appended = ledger
            .observe(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
        assert_eq!(appended.first, number + 1);
    }
    check(&ledger, 500);
    let bytes = payload(500, 10);
    let bound = ledger
        .bind(&[Draft::new(KIND, 1, &bytes)])
        .expect("appends")
        .wait();
    assert_eq!(bound.expect("durable").last, 501);
    assert!(ledger.health().synced >= 501);
    assert!(ledger.flush(LONG));
    check(&ledger, 501);
    assert_eq!(
        ledger.totals("count", b"entries").expect("reads"),
        [(b"entries".to_vec(), 501)]
    );
    let last = ledger
        .point("last", b"seq")
        .expect("reads")
        .expect("is there");
    assert_eq!(last, 501u64.to_le_bytes());
    ledger.close().expect("closes");
    assert_eq!(ledger.health().state, State::Closed);
    assert!(matches!(
        ledger.observe(&[Draft::new(KIND, 1, b"x")]),
        Err(Error::Closed)
    ));
    let tip = ledger.tip();
    drop(ledger);

    let ledger = open(dir.path());
    assert_eq!(ledger.tip(), tip);
    check(&ledger, 501);
    assert_eq!(
        ledger.totals("count", b"entries").expect("reads"),
        [(b"entries".to_vec(), 501)]
    );
    assert_eq!(ledger.health().attested, tip.seq);
}

fn check(ledger: &Ledger, count: u64) {
    let mut seen = 0u64;
    for entry in ledger.read(..) {
        let entry = entry.expect("reads");
        if entry.header.kind != KIND {
            continue;
        }
        let bytes = entry.payload().expect("is there").to_vec();
        assert_eq!(bytes[..8], seen.to_le_bytes()[..]);
        assert_eq!(entry.header.seq, seen + 1);
        seen += 1;
    }
    assert_eq!(seen, count);
    let one = ledger.entry(count / 2).expect("reads").expect("is there");
    assert_eq!(one.header.seq, count / 2);
    assert_eq!(ledger.entry(count + 100).expect("reads"), None);
}

#[test]
fn time_never_goes_back_within_a_chain() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = open(dir.path());
    let drafts = [
        Draft::new(KIND, 1, b"a").at(5_000),
        Draft::new(KIND, 1, b"b").at(4_000),
    ];
    let appended = ledger.observe(&drafts).expect("appends");
    assert_eq!(appended.time_us, 5_000);
}

#[test]
fn the_callers_mistakes_are_told_and_append_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = open(dir.path());
    let good = Draft::new(KIND, 1, b"x");
    let own = Draft::new(1, 1, b"x");
    assert!(matches!(
        ledger.observe(&[good, own]),
        Err(Error::ReservedKind(1))
    ));
    assert!(matches!(ledger.observe(&[]), Err(Error::Argument(_))));
    let large = vec![0; ledger::chain::MAX_PAYLOAD + 1];
    let large = [good, Draft::new(KIND, 1, &large)];
    assert!(matches!(
        ledger.observe(&large),
        Err(Error::TooLarge { .. })
    ));
    assert_eq!(ledger.tip().seq, 0);
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = open(dir.path());
    let second = Ledger::open(kit::options(dir.path()), Box::new(NoFolder));
    assert!(matches!(second, Err(Error::Held { .. })));
    first.close().expect("closes");
    drop(first);
    open(dir.path());
}

#[test]
fn a_pending_is_a_future() {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake};

    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = open(dir.path());
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut pending = pin!(ledger.bind(&[Draft::new(KIND, 1, b"x")]).expect("appends"));
    let appended = loop {
        match pending.as_mut().poll(&mut context) {
            Poll::Ready(done) => break done.expect("durable"),
            Poll::Pending => std::thread::park(),
        }
    };
    assert!(ledger.synced() >= appended.last);
}

#[test]
fn what_is_made_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("data/ledger");
    let ledger = open(&folder);
    let _vault = ledger.vault();
    let copy = dir.path().join("copy");
    ledger.backup(&copy, true).expect("copies");
    ledger.close().expect("closes");
    let mut looked_at = 0;
    let mut folders = vec![dir.path().join("data"), copy];
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| {
            std::fs::metadata(path)
                .expect("is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(&folder) & 0o777, 0o700, "{folder:?}");
        for item in std::fs::read_dir(&folder).expect("reads") {
            let path = item.expect("reads").path();
            looked_at += 1;
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with("signing.pub") => {}
                false => assert_eq!(mode(&path) & 0o077, 0, "{path:?}"),
            }
        }
    }
    assert!(looked_at > 10, "{looked_at}");
}

#[test]
fn a_quick_look_finds_what_is_wrong_at_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = open(dir.path());
    for number in 1..=50 {
        let bytes = payload(number, 10);
        ledger
            .observe(&[Draft::new(KIND, 1, &bytes)])
            .expect("appends");
    }
    ledger.close().expect("closes");
    let tip = ledger.tip().seq;
    drop(ledger);
    let look = || check_tail(&Reader::open(dir.path(), None).expect("opens"), 10).expect("reads");
    let tail = look();
    assert_eq!((tail.tip, tail.attested, tail.findings), (tip, tip, vec![]));
    assert!(tail.from >= tip - 12 && tail.has_heads);
    let heads = dir.path().join("heads.log");
    let good = std::fs::read_to_string(&heads).expect("reads");
    // A head of another chain's key, a line that is none, and no file at all.
    let mut forged = good.clone();
    let at = forged.trim_end().len() - 1;
    let other = if forged.as_bytes()[at] == b'0' {
        "1"
    } else {
        "0"
    };
    forged.replace_range(at..=at, other);
    std::fs::write(&heads, forged).expect("writes");
    assert!(look().findings[0].what.contains("not signed"));
    std::fs::write(&heads, "no head\n").expect("writes");
    assert!(look().findings[0].what.contains("no signed head"));
    std::fs::remove_file(&heads).expect("removes");
    let tail = look();
    assert!(!tail.has_heads && tail.attested == 0 && tail.findings.is_empty());
}
