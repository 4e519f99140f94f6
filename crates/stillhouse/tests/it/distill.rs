//! `stillhouse distill` with tiny models: planned, driven, watched, forked and compared from the
//! command line; what cannot be is said with why and how the process ends.

use lm::Family;
use lm::testing::tiny_gguf;

use crate::still::Still;

/// A house with a grant, tiny models and a run file, and the run file's path.
pub(crate) fn house() -> (Still, String) {
    house_with(&[])
}

/// The same with other texts in the run file.
pub(crate) fn house_with(others: &[(&str, &str)]) -> (Still, String) {
    let still = Still::new();
    let path = |name: &str| still.data.path().join(name).display().to_string();
    for (name, seed) in [("student.gguf", 1), ("teacher.gguf", 2)] {
        std::fs::write(path(name), tiny_gguf(Family::Llama, seed)).unwrap();
    }
    still.write_all_settings(&format!(
        "[upstreams.here]\nkind = \"local\"\nfile = {:?}\nthreads = 1\n\
         [models.teacher]\nupstream = \"here\"\n",
        path("teacher.gguf"),
    ));
    for (name, from, to) in [("items.jsonl", 0, 9), ("holdout.jsonl", 20, 26)] {
        let rows = (from..to).map(|n| format!("{{\"id\":\"r{n}\",\"text\":\"what is {n}\"}}\n"));
        std::fs::write(path(name), rows.collect::<String>()).unwrap();
    }
    still.good(&["organization", "create", "Distillers"]);
    still.good(&["account", "create", "lab", "--organization", "Distillers"]);
    let issued = still.json(&[
        "grant",
        "issue",
        "--account",
        "lab",
        "--teacher",
        "teacher",
        "--purpose",
        "a student",
        "--tier",
        "train",
        "--budget-tokens",
        "1000000",
        "--expires",
        "30d",
    ]);
    let grant = issued["grant"]["id"].as_str().unwrap();
    // The teacher is only named: the settings know its file.
    let text = format!(
        "[run]\nname = \"tiny\"\nseed = 5\ngrant = \"{grant}\"\nthreads = 1\n\
         [student]\nmodel = \"student.gguf\"\ntuning = {{ kind = \"lora\", rank = 4, alpha = 8.0 }}\n\
         [teacher]\nname = \"teacher\"\nlicence = \"own\"\n\
         [data]\nitems = \"items.jsonl\"\nholdout = \"holdout.jsonl\"\nstudent = \"{{text}}?\"\n\
         [stages.on_policy]\nsteps = 4\ncheckpoint_every = 2\n\
         learning = {{ batch = 2, rows = 128, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"reverse_kl\" }} }}\n\
         sampling = {{ max_tokens = 6 }}\n\
         [evaluate]\nscorer = {{ kind = \"regex\", pattern = \"[aeiou]\" }}\nmax_tokens = 8\n\
         [budget]\ndollars = 1\ntokens = 100000\nmachine_dollars_per_hour = 0.1\n"
    );
    let text = others.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    std::fs::write(path("run.toml"), text).unwrap();
    let file = path("run.toml");
    (still, file)
}

#[test]
fn a_run_is_planned_driven_shown_forked_and_compared() {
    let (still, file) = house();
    let planned = still.say(&["distill", "plan", &file]);
    assert!(
        planned.out.contains("plan: "),
        "{}{}",
        planned.out,
        planned.err
    );
    // Advice against two random models is no wonder: 3, else 0.
    assert!([0, 3].contains(&planned.code), "{}", planned.err);
    let run = still.say(&["distill", "resume", "tiny", "--why", "a test"]);
    // Held, or rejected.
    assert!([0, 4].contains(&run.code), "{}{}", run.out, run.err);
    let shown = still.json(&["distill", "watch", "tiny"]);
    let stage = shown["row"]["stage"].as_str().unwrap();
    assert!(["held", "rejected"].contains(&stage), "{stage}");
    assert_eq!(
        shown["row"]["spent_tokens"].as_u64().map(|n| n > 0),
        Some(true)
    );
    let loss = shown["curves"].as_array().unwrap();
    let loss = loss.iter().find(|curve| curve["metric"] == "loss").unwrap();
    assert_eq!(loss["values"].as_array().unwrap().len(), 4);
    let forked = still.say(&["distill", "fork", "tiny", "--at", "2"]);
    assert!(
        [0, 3, 4].contains(&forked.code),
        "{}{}",
        forked.out,
        forked.err
    );
    let diff = still.good(&["distill", "diff", "tiny", "tiny (fork)"]);
    assert!(diff.contains("student.model"), "{diff}");
    let listed = still.json(&["distill", "list"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
    let made = still.json(&["distill", "export", "tiny", "--at", "4"]);
    let folder = std::path::PathBuf::from(made["folder"].as_str().unwrap());
    assert!(folder.join("student-f16.gguf").is_file());
    assert!(
        folder
            .join("safetensors")
            .join("model.safetensors")
            .is_file()
    );
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let (still, file) = house();
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to, code, says) in [
        ("steps = 4", "step = 4", 2, "did you mean `steps`?"),
        (
            "{text}?",
            "{txt}?",
            2,
            "items.jsonl:1: the row has no field `txt`",
        ),
        (
            "name = \"teacher\"",
            "name = \"other\"",
            1,
            "`other` is no model of the settings",
        ),
        (
            "licence = \"own\"",
            "licence = \"OpenAI\"",
            6,
            "forbids training",
        ),
        (
            "tokens = 100000",
            "tokens = 2000000",
            6,
            "but the grant gives 1000000",
        ),
    ] {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let said = still.say(&["distill", "run", &file]);
        assert_eq!(said.code, code, "{to}: {}{}", said.out, said.err);
        assert!(said.err.contains(says), "{to}: {}", said.err);
    }
    let said = still.say(&["distill", "watch", "nobody"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("there is no run `nobody`"),
        "{}",
        said.err
    );
}
