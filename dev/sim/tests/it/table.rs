//! The checked-in table of the guard is of the card that ships: whoever changes the card measures
//! anew, by `make guard-table`.

use std::path::Path;

use guard::card::Card;

#[test]
fn the_table_is_of_the_card_that_ships() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/guard");
    let card = Card::shipped().unwrap().hash();
    let text = std::fs::read_to_string(folder.join("table.json")).unwrap();
    let table: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(table["card"], card.as_str(), "run `make guard-table`");
    let shown = std::fs::read_to_string(folder.join("table.md")).unwrap();
    assert!(
        shown.contains(&format!("Card `{card}`")),
        "table.md is of another run than table.json"
    );
}
