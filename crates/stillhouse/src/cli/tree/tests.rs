use std::collections::BTreeSet;

use super::*;

#[test]
fn the_arguments_are_sound() {
    command().debug_assert();
}

/// Every verb of the house is on the command line under the same name and with each field.
#[test]
fn every_verb_is_there_with_each_field() {
    let command = command();
    for verb in VERBS.iter() {
        let name = format!("{} {}", verb.noun, verb.verb);
        let found = command
            .find_subcommand(verb.noun)
            .and_then(|noun| noun.find_subcommand(verb.verb))
            .unwrap_or_else(|| panic!("`{name}` is not on the command line"));
        let schema = (verb.input)().to_value();
        for field in (verb.fields)() {
            let inner = schema["properties"][field]["properties"].as_object();
            let ids: Vec<String> = match inner {
                None => vec![(*field).to_owned()],
                Some(inner) => inner.keys().map(|name| format!("{field}.{name}")).collect(),
            };
            for id in ids {
                let arg = found
                    .get_arguments()
                    .find(|arg| arg.get_id() == id.as_str());
                let arg = arg.unwrap_or_else(|| panic!("`{name}` has no argument for {id}"));
                assert!(arg.get_help().is_some(), "{name}: {id} is not described");
            }
        }
    }
}

/// The command line has no verb beside those of the house, but for the process's own.
#[test]
fn every_leaf_is_a_verb_of_the_house_or_of_the_process() {
    let command = command();
    let mut process = BTreeSet::new();
    for top in command.get_subcommands() {
        let names: Vec<String> = match top.has_subcommands() {
            false => vec![top.get_name().to_owned()],
            true => {
                let below = top.get_subcommands();
                below
                    .map(|verb| format!("{} {}", top.get_name(), verb.get_name()))
                    .collect()
            }
        };
        for name in names {
            let house = name
                .split_once(' ')
                .is_some_and(|(n, v)| operations::verb(n, v).is_some());
            if !house {
                process.insert(name);
            }
        }
    }
    let listed: BTreeSet<String> = PROCESS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(process, listed);
}

#[test]
fn fields_become_the_verbs_input() {
    let words = "stillhouse account set web --concurrency 3 --spend-dollars 5 --state closed \
                 --revision 7 --json";
    let matches = command().try_get_matches_from(words.split(' ')).unwrap();
    let (verb, given) = verb(&matches).unwrap();
    let expected = serde_json::json!({
        "account": "web",
        "limits": { "concurrency": 3 },
        "spend": { "dollars": "5" },
        "state": "closed",
        "revision": 7,
    });
    assert_eq!(field::input(verb, given).unwrap(), expected);
    assert!(deepest(&matches).get_flag("json"));
    let words = "stillhouse model set m --on false";
    let matches = command().try_get_matches_from(words.split(' ')).unwrap();
    let (verb, given) = super::verb(&matches).unwrap();
    assert_eq!(field::input(verb, given).unwrap()["on"], false);
    let words = "stillhouse account list --sort -name";
    let matches = command().try_get_matches_from(words.split(' ')).unwrap();
    let (verb, given) = super::verb(&matches).unwrap();
    assert_eq!(field::input(verb, given).unwrap()["sort"], "-name");
    for wrong in [
        "model set m",
        "account show",
        "account set a --state gone",
        "key nonsense",
    ] {
        let words = format!("stillhouse {wrong}");
        assert!(
            command().try_get_matches_from(words.split(' ')).is_err(),
            "{wrong}"
        );
    }
}
