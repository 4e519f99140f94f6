use super::*;
use crate::protocol::Prompt;
use crate::teacher::tests::answer;
use lm::testing::tiny_gguf;
use lm::{Family, Scoring};

fn item(id: &str, text: &str) -> Item {
    Item {
        id: id.into(),
        student: Prompt::Text { text: "x".into() },
        teacher: Some(Prompt::Text { text: text.into() }),
        taught_by: None,
        answer: None,
        rejected: None,
    }
}

/// What is told does not depend on what was read once for all, nor on how passes are cut.
#[test]
fn answers_are_scored_as_whole_texts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, tiny_gguf(Family::Llama, 5)).unwrap();
    let shared = "the same beginning of all of these prompts, longer than some";
    let items = [
        item("a", &format!("{shared}: first")),
        item(
            "b",
            &format!("{shared}: second, with {}", "more ".repeat(30)),
        ),
        item("c", "quite another"),
        item("d", shared),
    ];
    let student = crate::protocol::Student {
        model: path.clone(),
        tuning: crate::protocol::Tuning::default(),
    };
    let student = student::Student::frozen(&student, 1, 1).unwrap();
    let local = Local::open(
        (&path, Kind::ReverseKl),
        &student,
        &items.iter().collect::<Vec<_>>(),
        1,
    )
    .unwrap();
    let long: Vec<u32> = (0..300).map(|i| i * 7 % 250 + 5).collect();
    let answers = [
        answer(1, &[20, 21, 22]),
        answer(0, &[30]),
        answer(1, &long),
        answer(2, &long),
        answer(3, &[5, 6]),
    ];
    let needs = Needs {
        whole: true,
        top: 3,
        at: 2,
        spans: false,
        temperature: 1.0,
    };
    let got = local
        .score(&items, &answers.iter().collect::<Vec<_>>(), needs)
        .unwrap();
    for (answer, got) in answers.iter().zip(&got) {
        let item = &items[answer.item];
        let prompt = local.reader.prompt(&item.id, item.teacher()).unwrap();
        let tokens = [prompt.as_slice(), &answer.tokens].concat();
        let scoring = Scoring {
            tokens: &tokens,
            from: prompt.len(),
            top: TOP,
            at: &answer.ids(needs),
        };
        let want = local.model.score_many(&[scoring]).unwrap().remove(0);
        assert_eq!(got.positions.len(), answer.tokens.len());
        assert_eq!(got.hidden.len(), answer.tokens.len() * local.width);
        for (got, want) in got.positions.iter().zip(want) {
            assert_eq!(got.token, Some(want.logprob));
            let top: Vec<(u32, f32)> = want.top.iter().map(|t| (t.token, t.logprob)).collect();
            assert_eq!(got.top, top);
            let at: Vec<f32> = got.at.iter().map(|a| a.1).collect();
            assert_eq!(at, want.at);
            assert!(got.at.windows(2).all(|w| w[0].0 < w[1].0));
        }
    }
}
