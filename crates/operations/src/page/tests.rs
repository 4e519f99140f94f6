use std::collections::BTreeMap;

use proptest::prelude::*;
use record::id::kind::Account;

use super::*;

const SORTS: [&str; 2] = ["name", "size"];

#[derive(Debug, Clone)]
struct Row {
    id: u32,
    name: String,
    size: u64,
}

fn asked(limit: u32, after: Option<&str>, sort: &str) -> Asked<u32> {
    let (after, sort) = (after.map(str::to_owned), Some(sort.to_owned()));
    Asked::new(Some(limit), &after, &sort, &SORTS).unwrap()
}

fn page(rows: &BTreeMap<u32, Row>, asked: &Asked<u32>) -> Cut<u32> {
    let cut = asked.cut(rows.values(), |row| match asked.sort {
        "name" => (Key::name(&row.name), row.id),
        _ => (Key::Number(row.size), row.id),
    });
    Cut {
        rows: cut.rows.iter().map(|row| row.id).collect(),
        next: cut.next,
        total: cut.total,
    }
}

fn rows() -> impl Strategy<Value = BTreeMap<u32, Row>> {
    // Few names and sizes, so that many rows are equal but for their ids.
    let row = (0..200u32, "[abAB]{0,2}", 0..4u64);
    prop::collection::vec(row, 0..80).prop_map(|rows| {
        let row = |(id, name, size)| (id, Row { id, name, size });
        rows.into_iter().map(row).collect()
    })
}

fn sorts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["name", "-name", "size", "-size"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_together_are_the_whole(rows in rows(), sort in sorts(), limit in 1..20u32) {
        let mut expected: Vec<&Row> = rows.values().collect();
        expected.sort_by_key(|row| match sort.ends_with("name") {
            true => (row.name.to_lowercase(), 0, row.id),
            false => (String::new(), row.size, row.id),
        });
        if sort.starts_with('-') {
            expected.reverse();
        }
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let cut = page(&rows, &asked(limit, after.as_deref(), sort));
            prop_assert_eq!(cut.total, rows.len() as u64);
            prop_assert!(cut.rows.len() <= limit as usize);
            found.extend(cut.rows);
            after = cut.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<u32> = expected.iter().map(|row| row.id).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_stays_is_seen_once_whatever_comes_and_goes(
        rows in rows(),
        mut others in prop::collection::vec((rows_apart(), prop::collection::vec(0..200u32, 0..5)), 0..10),
        sort in sorts(),
        limit in 1..10u32,
    ) {
        let mut now = rows.clone();
        let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let cut = page(&now, &asked(limit, after.as_deref(), sort));
            cut.rows.iter().for_each(|id| *seen.entry(*id).or_default() += 1);
            after = cut.next;
            if after.is_none() {
                break;
            }
            if let Some((new, gone)) = others.pop() {
                now.extend(new);
                gone.iter().for_each(|id| drop(now.remove(id)));
            }
        }
        for id in rows.keys().filter(|id| now.contains_key(id)) {
            prop_assert_eq!(seen.get(id), Some(&1), "row {}", id);
        }
    }

    #[test]
    fn no_text_is_a_cursor_by_chance(text in ".{0,60}") {
        let refused = Asked::<u32>::new(None, &Some(text), &None, &SORTS);
        let refused = matches!(refused, Err(Error::Invalid { field, .. }) if field == "after");
        prop_assert!(refused);
    }

    #[test]
    fn a_search_is_what_lower_case_makes_it(text in "[aAéÉß ]{0,8}", wanted in "[aAéÉß]{0,3}") {
        let id: Id<Account> = Id::from_bytes([1; 16]);
        let found = Search::new(&Some(wanted.clone())).finds(id, &[&text]);
        prop_assert_eq!(found, text.to_lowercase().contains(&wanted.to_lowercase()));
    }
}

#[test]
fn a_search_for_a_whole_id_finds_that_one() {
    let id: Id<Account> = Id::from_bytes([1; 16]);
    let search = Search::new(&Some(format!(" {id} ")));
    assert!(search.finds(id, &["a"]));
    assert!(!search.finds(Id::from_bytes([2; 16]), &["a"]));
}

fn rows_apart() -> impl Strategy<Value = BTreeMap<u32, Row>> {
    rows().prop_map(|rows| {
        let apart = |(id, row): (u32, Row)| {
            (
                id + 1000,
                Row {
                    id: id + 1000,
                    ..row
                },
            )
        };
        rows.into_iter().map(apart).collect()
    })
}

#[test]
fn what_cannot_be_is_said() {
    let part = |limit, after: Option<&str>, sort: Option<&str>| {
        let (after, sort) = (after.map(str::to_owned), sort.map(str::to_owned));
        Asked::<u32>::new(limit, &after, &sort, &SORTS)
    };
    let refused = |limit, after, sort| match part(limit, after, sort) {
        Err(Error::Invalid { field, .. }) => field,
        _ => "nothing".to_owned(),
    };
    assert_eq!(refused(Some(0), None, None), "limit");
    assert_eq!(refused(Some(1001), None, None), "limit");
    assert_eq!(refused(None, None, Some("weight")), "sort");
    assert_eq!(refused(None, None, Some("--name")), "sort");
    let rows: BTreeMap<u32, Row> = (0..3)
        .map(|id| {
            (
                id,
                Row {
                    id,
                    name: "n".into(),
                    size: 1,
                },
            )
        })
        .collect();
    let next = page(&rows, &asked(2, None, "name")).next.unwrap();
    assert_eq!(refused(None, Some(&next), Some("-name")), "after");
    assert_eq!(refused(None, Some(&next), Some("name")), "nothing");
}
