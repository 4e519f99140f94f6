//! Lines of other gateways' logs of any content are read or refused without a panic. The first byte
//! chooses the kind of log, and whether a field of the line's own names the account.
#![no_main]

use std::sync::LazyLock;

use guard::digest::{Digester, HashKey, Scratch};
use libfuzzer_sys::fuzz_target;
use wire::import::logs::{FORMATS, Format, Options};
use wire::traffic::Line;

static DIGESTER: LazyLock<Digester> = LazyLock::new(|| Digester::new(&HashKey::new([7; 32])));

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let format = FORMATS[usize::from(*kind) % FORMATS.len()];
    let options = Options {
        account: (*kind >= 128).then_some("metadata.customer"),
    };
    Format::guess(text);
    format.read(text, options, &mut |found| {
        if let Ok(Line::Exchange(exchange)) = found {
            assert!(!exchange.account.is_empty());
            for secret in ["sk-", "Bearer "] {
                // Traffic sets name accounts as they like.
                assert!(format == Format::Traffic || !exchange.account.starts_with(secret));
            }
            exchange.seen(|seen| DIGESTER.digest(seen, &mut Scratch::default()));
        }
    });
});
