//! Lines of a traffic set of any content are read or refused without a panic, and what they say can
//! be digested; errors repeat nothing of the line.
#![no_main]

use std::sync::LazyLock;

use guard::digest::{Digester, HashKey, LONGEST, Scratch};
use libfuzzer_sys::fuzz_target;
use wire::traffic::{self, Line};

static DIGESTER: LazyLock<Digester> = LazyLock::new(|| Digester::new(&HashKey::new([7; 32])));

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match traffic::line(text) {
        Ok(Line::Exchange(exchange)) => {
            assert!(!exchange.account.is_empty());
            assert!(exchange.ended() >= exchange.time);
            let digest = exchange.seen(|seen| DIGESTER.digest(seen, &mut Scratch::default()));
            assert!(digest.is_none_or(|digest| digest.encode().len() <= LONGEST));
        }
        Ok(_) => {}
        Err(error) => assert!(error.to_string().len() < 100),
    }
    if let Ok(account) = traffic::account(text) {
        DIGESTER.account(&account.seen());
    }
});
