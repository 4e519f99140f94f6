use super::*;
use crate::curate::Row;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};

fn row(json: &str) -> Row {
    Row::parse(json).unwrap()
}

#[test]
fn rows_become_conversations() {
    let line = |json: &str, text: &[&str]| {
        let text: Vec<String> = text.iter().map(ToString::to_string).collect();
        chat_line(&row(json), &text)
    };
    assert_eq!(
        line(r#"{"prompt": "a", "answer": "b"}"#, &[]),
        r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#
    );
    let chat = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
    assert_eq!(line(chat, &[]), chat);
    assert_eq!(
        line(r#"{"sentence": "a \"b\""}"#, &["sentence"]),
        r#"{"messages":[{"role":"user","content":"a \"b\""}]}"#
    );
}

#[test]
fn what_is_written_is_read_back() {
    let rows = [
        row(r#"{"prompt": "a", "answer": "b"}"#),
        row(
            r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "é"}]}"#,
        ),
        row("{}"),
    ];
    let mut file = Parquet::new(Vec::new()).unwrap();
    // More than one group of rows.
    let count = 25_000;
    for number in 0..count {
        let turns = Turns::of(&rows[number % 3], &[]);
        file.push(&format!("r{number}"), "train", number / 2, &turns)
            .unwrap();
    }
    let reader = SerializedFileReader::new(bytes::Bytes::from(file.finish().unwrap())).unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 3);
    let mut read = 0;
    for (number, row) in reader.get_row_iter(None).unwrap().enumerate() {
        let json = row.unwrap().to_json_value();
        let turns = serde_json::to_value(Turns::of(&rows[number % 3], &[])).unwrap();
        let wanted = serde_json::json!({
            "id": format!("r{number}"), "part": "train", "cluster": number / 2,
            "messages": turns["messages"],
        });
        assert_eq!(json, wanted);
        read += 1;
    }
    assert_eq!(read, count);
}
