//! What can stop work while it runs: somebody's wish, the grant, the disk. And the loop that
//! listens to a child and looks for these in between.

use std::sync::atomic::Ordering;

use record::{Cause, Stage};
use trainer::protocol::{Done, Job, Order, Report};

use super::{Child, Driver, Heard, Stop, TICK, Worked};
use crate::error::Result;
use crate::folder::Ask;
use crate::grant;

/// Less than this free, and the run is paused.
pub(super) const LEAST_FREE: u64 = 2_000_000_000;
/// Files are looked at so often.
const LOOK_US: u64 = 200_000;

/// What a report means for the work.
pub(super) enum Flow {
    /// Go on.
    On,
    /// Finish the step, write a checkpoint, stop.
    Pause(Stop),
    /// Stop at once.
    Stop(Stop),
}

impl Driver<'_, '_> {
    /// Whether something stands against going on. What takes a look at files is left out in
    /// between, unless `all`.
    pub(super) fn look(&mut self, all: bool) -> Result<Option<Stop>> {
        let now = (self.world.clock)();
        if self.world.stop.load(Ordering::Relaxed) {
            let mut stop = Stop::pause(Cause::Asked("it was interrupted".into()));
            stop.gently = true;
            return Ok(Some(stop));
        }
        let grant = self
            .world
            .facts
            .directory()
            .grant(self.state.created.grant)
            .cloned();
        let live = match grant {
            Some(found) => grant::live(&found, now),
            None => Err("the grant is gone".into()),
        };
        // A run that waits for its grant says so itself.
        if let Err(why) = live
            && self.state.approved
        {
            return Ok(Some(Stop::pause(Cause::Grant(why))));
        }
        if !all && now.micros().saturating_sub(self.looked.micros()) < LOOK_US {
            return Ok(None);
        }
        self.looked = now;
        if let Some(free) = (self.world.free)(self.folder.root())
            && free < LEAST_FREE
        {
            return Ok(Some(Stop::pause(Cause::Disk { free })));
        }
        Ok(self.folder.asked()?.map(|(ask, by, why)| {
            let mut stop = Stop::pause(Cause::Asked(why));
            stop.by = Some(by);
            match ask {
                Ask::Pause => stop.gently = true,
                Ask::Cancel => stop.to = Stage::Cancelled,
            }
            stop
        }))
    }

    /// Has a child do a job. `hear` gets each of its reports.
    pub(super) fn work(
        &mut self,
        job: Job,
        mut hear: impl FnMut(&mut Self, &mut Child, Report) -> Result<Flow>,
    ) -> Result<Worked<Done>> {
        let learns = matches!(job, Job::Learn(_));
        let mut child = Child::start(self.world.trainer, &self.log, job)?;
        let mut pausing: Option<Stop> = None;
        loop {
            let flow = match child.hear(TICK) {
                Heard::Report(report) => match *report {
                    Report::Done(done) => {
                        return Ok(match pausing {
                            Some(stop) => Err(stop),
                            None => Ok(done),
                        });
                    }
                    Report::Failed(failed) => {
                        let hint = match failed.hint.is_empty() {
                            true => String::new(),
                            false => format!(" ({})", failed.hint),
                        };
                        let what = format!("{:?}: {}{hint}", failed.fault, failed.message);
                        return Ok(Err(Stop::failed(what)));
                    }
                    report => hear(self, &mut child, report)?,
                },
                Heard::Nothing => Flow::On,
                Heard::Gone(what) => {
                    return Ok(Err(Stop::failed(format!("the trainer: {what}"))));
                }
            };
            let flow = match flow {
                Flow::On => match self.look(false)? {
                    Some(stop) if stop.gently && learns => Flow::Pause(stop),
                    Some(stop) => Flow::Stop(stop),
                    None => Flow::On,
                },
                flow => flow,
            };
            match flow {
                Flow::On => {}
                Flow::Stop(stop) => return Ok(Err(stop)),
                Flow::Pause(stop) if pausing.is_none() => {
                    child.say(&Order::Pause)?;
                    pausing = Some(stop);
                }
                Flow::Pause(_) => {}
            }
        }
    }
}
