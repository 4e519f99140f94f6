//! Counts what a thread holds in memory, so that a test can show that a hostile file costs little.
#![expect(unsafe_code, reason = "an allocator can be written in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain numbers that
// allocate nothing themselves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // Memory of another thread may be freed here: the count then stops at 0.
        let _ = HELD.try_with(|held| held.set(held.get().saturating_sub(layout.size())));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn add(size: usize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get().saturating_add(size));
        PEAK.try_with(|peak| peak.set(peak.get().max(held.get())))
    });
}

/// Runs `f`, and tells the most bytes that this thread held at once on its account.
pub(crate) fn peak<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = f();
    (result, PEAK.get().saturating_sub(before))
}

#[test]
fn the_peak_is_seen() {
    let (length, bytes) = peak(|| vec![1u8; 1 << 20].len());
    assert_eq!(length, 1 << 20);
    assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
}
