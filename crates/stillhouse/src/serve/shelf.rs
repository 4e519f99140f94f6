//! What is held in memory at once: so many, each loaded when it is asked first, let go when nobody
//! has asked for a while or another needs its place. Whoever asks for one that is loading waits for
//! it; whoever asks for another is not held up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What can be held.
pub(super) trait Held: Send + Sync + 'static {
    /// Whether it works on something now.
    fn is_busy(&self) -> bool;
}

/// Why it is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// All places are taken by others that are busy or load.
    Full,
    /// It can't be loaded.
    Failed(String),
}

/// The places.
pub(super) struct Shelf<T> {
    places: usize,
    inner: Mutex<Inner<T>>,
}

/// Held shortly: nothing is waited for meanwhile.
struct Inner<T> {
    loaded: Vec<Loaded<T>>,
    /// Places of those that load.
    coming: usize,
}

struct Loaded<T> {
    name: String,
    held: Arc<T>,
    used: Instant,
}

/// The place of one that loads. It is free again if that comes to nothing, and not before the load
/// has ended.
struct Place<T>(Arc<Shelf<T>>);

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        self.0.inner.lock().coming -= 1;
    }
}

impl<T: Held> Shelf<T> {
    /// An empty one.
    pub(super) fn new(places: usize) -> Self {
        Self {
            places,
            inner: Mutex::new(Inner {
                loaded: Vec::new(),
                coming: 0,
            }),
        }
    }

    /// What is held under a name; it counts as used now.
    fn get(&self, name: &str) -> Option<Arc<T>> {
        let mut inner = self.inner.lock();
        let one = inner.loaded.iter_mut().find(|one| one.name == name)?;
        one.used = Instant::now();
        Some(Arc::clone(&one.held))
    }

    /// The same, as it is looked at from outside.
    pub(super) fn look(&self, name: &str) -> Option<Arc<T>> {
        let inner = self.inner.lock();
        let one = inner.loaded.iter().find(|one| one.name == name)?;
        Some(Arc::clone(&one.held))
    }

    /// What is held under a name; loaded now, where it is not, off the runtime's threads. `turn` is
    /// the name's own.
    pub(super) async fn ask(
        self: &Arc<Self>,
        (name, turn): (&str, &tokio::sync::Mutex<()>),
        load: impl FnOnce() -> Result<Arc<T>, String> + Send + 'static,
    ) -> Result<Arc<T>, Missing> {
        if let Some(held) = self.get(name) {
            return Ok(held);
        }
        let _turn = turn.lock().await;
        // Somebody else may have waited for it before.
        if let Some(held) = self.get(name) {
            return Ok(held);
        }
        let place = self.place().ok_or(Missing::Full)?;
        let name = name.to_owned();
        let loaded = tokio::task::spawn_blocking(move || {
            let held = load()?;
            place.0.inner.lock().loaded.push(Loaded {
                name,
                held: Arc::clone(&held),
                used: Instant::now(),
            });
            drop(place);
            Ok(held)
        });
        let loaded = loaded.await;
        loaded
            .map_err(|error| Missing::Failed(error.to_string()))?
            .map_err(Missing::Failed)
    }

    /// A free place, where there is one or the oldest of those that do nothing makes room.
    fn place(self: &Arc<Self>) -> Option<Place<T>> {
        let mut inner = self.inner.lock();
        let mut goes = None;
        if inner.loaded.len() + inner.coming >= self.places {
            let idle = inner.loaded.iter().enumerate();
            let idle = idle.filter(|(_, one)| !one.held.is_busy());
            let (oldest, _) = idle.min_by_key(|(_, one)| one.used)?;
            goes = Some(inner.loaded.remove(oldest));
        }
        inner.coming += 1;
        // Its memory is given back when others can look again.
        drop(inner);
        drop(goes);
        Some(Place(Arc::clone(self)))
    }

    /// Lets those go that nobody has asked for so long; their names.
    pub(super) fn sweep(&self, idle: Duration) -> Vec<String> {
        let mut inner = self.inner.lock();
        let all = std::mem::take(&mut inner.loaded).into_iter();
        let (stay, gone): (Vec<_>, Vec<_>) = all
            .map(|one| match one.held.is_busy() {
                true => Loaded {
                    used: Instant::now(),
                    ..one
                },
                false => one,
            })
            .partition(|one| one.held.is_busy() || one.used.elapsed() < idle);
        inner.loaded = stay;
        drop(inner);
        gone.into_iter().map(|one| one.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::sync::mpsc;

    use tokio::sync::Mutex as Turn;

    use super::*;

    struct One(AtomicBool);

    impl Held for One {
        fn is_busy(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn one(is_busy: bool) -> Result<Arc<One>, String> {
        Ok(Arc::new(One(AtomicBool::new(is_busy))))
    }

    #[tokio::test]
    async fn who_is_loaded_answers_while_another_loads() {
        let shelf = Arc::new(Shelf::new(2));
        let turns: [Turn<()>; 3] = std::array::from_fn(|_| Turn::new(()));
        let first = shelf.ask(("a", &turns[0]), || one(false)).await.unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let loads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&loads);
        let slow = shelf.ask(("b", &turns[1]), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            wait.recv().unwrap();
            one(false)
        });
        let mut slow = std::pin::pin!(slow);
        assert!(waits(&mut slow).await);
        let never = || -> Result<Arc<One>, String> { Err("it is there already".into()) };
        let again = shelf.ask(("a", &turns[0]), never).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        // Its place is taken: no third, where the other one works.
        first.0.store(true, Ordering::Relaxed);
        let third = shelf.ask(("c", &turns[2]), || one(false)).await;
        assert_eq!(third.err(), Some(Missing::Full));
        // Who asks for the same one waits for the same load.
        let also = shelf.ask(("b", &turns[1]), never);
        let mut also = std::pin::pin!(also);
        assert!(waits(&mut also).await);
        go.send(()).unwrap();
        let (slow, also) = (slow.await.unwrap(), also.await.unwrap());
        assert!(Arc::ptr_eq(&slow, &also));
        assert_eq!(loads.load(Ordering::Relaxed), 1);
        assert!(shelf.sweep(Duration::from_secs(60)).is_empty());
        assert_eq!(shelf.sweep(Duration::ZERO), ["b"]);
        assert!(shelf.look("a").is_some() && shelf.look("b").is_none());
    }

    #[tokio::test]
    async fn what_can_not_be_loaded_takes_no_place() {
        let shelf = Arc::new(Shelf::new(1));
        let turn = Turn::new(());
        for _ in 0..3 {
            let failed = shelf.ask(("a", &turn), || Err::<Arc<One>, _>("no file".into()));
            assert_eq!(failed.await.err(), Some(Missing::Failed("no file".into())));
        }
        shelf.ask(("a", &turn), || one(true)).await.unwrap();
    }

    /// Whether a future has not ended after it was given its chance.
    async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
        let soon = tokio::time::timeout(Duration::from_millis(50), future);
        soon.await.is_err()
    }
}
