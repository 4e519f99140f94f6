//! Who drives a run begins where the last move before its own led.

use std::sync::atomic::{AtomicBool, Ordering};

use distill::folder::Folder;
use distill::runs;
use record::{Actor, Stage, Time};

use crate::house::{House, Wanted};

#[test]
fn what_is_cancelled_before_it_is_driven_stays_cancelled() {
    let house = House::new();
    let run = house.make(&house.spec(&Wanted::default()));
    let folder = Folder::new(&house.runs(), run);
    // Who drives it makes it before it waits for the lock.
    let made = folder.path("answers");
    std::fs::remove_dir(&made).unwrap();
    let facts = house.facts();
    let held = folder.try_lock().unwrap().unwrap();
    assert!(folder.is_driven() && folder.try_lock().unwrap().is_none());
    let program = house.command(run, None).get_program().to_owned();
    let ended = AtomicBool::new(false);
    let driven = std::thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let mut world = distill::World {
                facts: &facts,
                runs: &house.runs(),
                trainer: &[program, "trainer".into()],
                clock: &|| Time::from_micros(1),
                random: &|bytes| getrandom::fill(bytes).unwrap(),
                free: &|_| None,
                teachers: std::collections::BTreeMap::new(),
                stop: &AtomicBool::new(false),
                observer: &mut (),
                by: Actor::House,
            };
            let driven = distill::drive(&mut world, run);
            ended.store(true, Ordering::Relaxed);
            driven
        });
        while !made.is_dir() && !ended.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let mut state = runs::of(&facts, run).unwrap();
        let to = (Stage::Cancelled, "not this one");
        distill::put(&facts, (run, &mut state), &Actor::House, to).unwrap();
        drop(held);
        driver.join().unwrap()
    });
    assert_eq!(driven.unwrap().stage, Stage::Cancelled);
    assert_eq!(runs::of(&facts, run).unwrap().stage, Stage::Cancelled);
    assert!(!folder.is_driven());
    facts.close().unwrap();
}
