//! The model computes when nobody else wants to: its threads have the lowest priority, so that
//! a request that is only passed on is not kept waiting by a matrix product.

/// The niceness of the model's threads, 0 to 19. A thread at 19 has 1.5% of the weight of one at
/// 0 and is preempted by it when it wakes.
const NICE: i32 = 19;

/// Lowers this thread's priority and that of the threads that it will start: on Linux niceness
/// belongs to a thread, and is inherited.
pub(crate) fn lower() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "the model's threads keep the normal priority");
    }
}
