//! The keeper thread: signs heads in time, drops what has expired, and at the start finishes
//! an erasure or a prune that was cut short. It never delays an append.

use std::time::Instant;

use crate::core::Core;
use crate::{Error, retain};

/// How many head periods lie between two sweeps of expired points and bodies.
const SWEEP_EVERY: u32 = 6;

/// The keeper thread.
pub(crate) fn run_keeper(core: &Core) {
    let mut round = 0u32;
    loop {
        let until = Instant::now() + core.head_every;
        {
            let mut stop = core.keeper.stop.lock();
            while !*stop {
                if core.keeper.bell.wait_until(&mut stop, until).timed_out() {
                    break;
                }
            }
            if *stop {
                return;
            }
        }
        let mut trouble = core.sign_head().err();
        if round.is_multiple_of(SWEEP_EVERY) {
            trouble = trouble.or_else(|| sweep(core).err());
        }
        round = round.wrapping_add(1);
        *core.keeper.error.lock() = trouble.map(|error| error.to_string());
    }
}

fn sweep(core: &Core) -> Result<(), Error> {
    core.store.expire(core.now())?;
    core.vault.prune(core.now())?;
    Ok(())
}

/// The mending thread: applies markers that an earlier run appended but did not finish.
pub(crate) fn run_mend(core: &Core) {
    if let Err(error) = retain::finish(core)
        && !matches!(error, Error::Closed)
    {
        *core.keeper.error.lock() = Some(format!("finishing an erasure: {error}"));
    }
}
