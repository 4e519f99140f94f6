//! The child's life: one job, its reports, its end.

use crate::error::{Error, Result};
use crate::parent::Parent;
use crate::protocol::{self, Done, Job, Order, Report};
use crate::{World, answer, export, learn, probe};
use std::io::{BufRead, Write};

/// Takes one job from `input`, does it, and says on `output` how it goes. `orphaned` is called, on a
/// thread that only reads, when `input` ends: it is to end the process, and may find it in the middle
/// of a step. Returns whether the job went well.
pub fn serve<W: Write>(
    input: impl BufRead + Send + 'static,
    output: W,
    world: World<'_>,
    orphaned: impl FnOnce() + Send + 'static,
) -> bool {
    let Ok(mut parent) = Parent::new(input, output, orphaned) else {
        return false;
    };
    let done = work(&mut parent, world);
    let good = done.is_ok();
    let last = match done {
        Ok(done) => Report::Done(done),
        Err(error) => Report::Failed(error.failed()),
    };
    // Nobody is left to hear if this fails.
    parent.say(&last).is_ok() && good
}

fn work<W: Write>(parent: &mut Parent<W>, world: World<'_>) -> Result<Done> {
    let job = match parent.next()? {
        Order::Job { version, job } if version == protocol::VERSION => job,
        Order::Job { version, .. } => {
            let own = protocol::VERSION;
            let what = format!("it is of protocol {version}, this child speaks {own}");
            return Err(Error::Job(what));
        }
        Order::Scores(_) | Order::Rewards(_) | Order::Pause => {
            return Err(Error::Job("the first line is no job".into()));
        }
    };
    match job {
        Job::Learn(job) => learn::learn(&job, parent, world),
        Job::Answer(job) => answer::answer(&job, parent, world),
        Job::Probe(job) => probe::probe(&job, parent, world),
        Job::Export(job) => export::export(&job, parent, world),
    }
}
