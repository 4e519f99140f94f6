//! The child process: started with one job, heard through a channel, ended with its handle.

use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use trainer::protocol::{Job, Lines, Order, Report, VERSION, write_line};

use crate::error::{Error, Result};

/// Reports that wait to be heard; the child waits with the next.
const WAITING: usize = 64;

/// What came of waiting for the child.
pub(super) enum Heard {
    /// It said something.
    Report(Box<Report>),
    /// It said nothing yet.
    Nothing,
    /// It is gone, without having said that its job is done or failed.
    Gone(String),
}

/// A child at work. Dropping it ends it.
pub(super) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    reports: Receiver<std::result::Result<Report, String>>,
}

impl Child {
    /// Starts one with a job. Its standard error goes to `log`, whose lock it shares.
    pub(super) fn start(command: &[OsString], log: &File, job: Job) -> Result<Self> {
        let broken = |error: std::io::Error| Error::Child(format!("it can't be started: {error}"));
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| Error::Child("no program is named".into()))?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().map_err(broken)?)
            .spawn()
            .map_err(broken)?;
        let (sender, reports) = sync_channel(WAITING);
        if let Some(output) = process.stdout.take() {
            std::thread::spawn(move || {
                let mut lines = Lines::new(BufReader::new(output));
                loop {
                    let said = match lines.read::<Report>() {
                        Ok(Some(report)) => Ok(report),
                        Ok(None) => break,
                        Err(error) => Err(error.to_string()),
                    };
                    let wrong = said.is_err();
                    if sender.send(said).is_err() || wrong {
                        break;
                    }
                }
            });
        }
        let input = process.stdin.take();
        let mut child = Self {
            process,
            input,
            reports,
        };
        let version = VERSION;
        child.say(&Order::Job { version, job })?;
        Ok(child)
    }

    /// Says something to it. One that is gone is found when it is listened to.
    pub(super) fn say(&mut self, order: &Order) -> Result<()> {
        let Some(input) = &mut self.input else {
            return Ok(());
        };
        match write_line(input, order) {
            Err(trainer::protocol::LineError::Io(_)) | Ok(()) => Ok(()),
            Err(error) => Err(Error::Child(error.to_string())),
        }
    }

    /// Waits for what it says next.
    pub(super) fn hear(&mut self, most: Duration) -> Heard {
        match self.reports.recv_timeout(most) {
            Ok(Ok(report)) => Heard::Report(Box::new(report)),
            Ok(Err(what)) => Heard::Gone(what),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Gone(match self.process.wait() {
                Ok(status) => format!("it ended with {status} in the middle of its job"),
                Err(error) => error.to_string(),
            }),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its checkpoints are atomic: it may be ended at any time.
        self.input = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
