//! The thread that reads requests: parsing, template and tokenizer take milliseconds on a long
//! prompt, which neither the gateway's threads nor the model's steps should wait for. Its queue
//! is bounded by the places of those who ask.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::priority;

type Task = Box<dyn FnOnce() + Send>;

/// The desk. Its thread ends when it is dropped and its last task is done.
pub(crate) struct Desk {
    tasks: mpsc::Sender<Task>,
}

impl Desk {
    /// Starts the thread, under this name.
    pub(crate) fn start(name: &str) -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel::<Task>();
        let work = move || {
            priority::lower();
            for task in inbox {
                // The one who asked sees that no reply comes; the others go on.
                if catch_unwind(AssertUnwindSafe(task)).is_err() {
                    tracing::error!("reading a request panicked");
                }
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { tasks })
    }

    /// Runs this there; `None` where it panicked. Nothing is run for one who no longer waits.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, result) = oneshot::channel();
        let task: Task = Box::new(move || {
            if !reply.is_closed() {
                // It may have left in the meantime.
                let _ = reply.send(work());
            }
        });
        self.tasks.send(task).ok()?;
        result.await.ok()
    }
}
