//! The faces of the verbs: each has the same verbs, with the same fields.

use operations::VERBS;

use crate::still::Still;

/// The command line has every verb, and tells each of its fields. (Which leaves it has beside is
/// a unit test of the tree itself.)
#[test]
fn the_command_line_tells_every_field() {
    let still = Still::new();
    for verb in VERBS.iter() {
        let help = still.good(&[verb.noun, verb.verb, "--help"]);
        let schema = (verb.input)().to_value();
        for field in (verb.fields)() {
            let property = &schema["properties"][field];
            let names: Vec<String> = match property["properties"].as_object() {
                None => vec![(*field).to_owned()],
                Some(inner) => inner.keys().cloned().collect(),
            };
            for name in names {
                let long = format!("{} ", name.replace('_', "-"));
                let positional = [format!("<{name}>"), format!("[{name}]")];
                let told = help.contains(&format!("--{long}"))
                    || help.contains(&format!("-{long}"))
                    || help.replace('\n', " ").contains(&format!("--{long}"))
                    || positional.iter().any(|name| help.contains(name))
                    || help.contains(&format!("<{}>", name.to_uppercase()));
                assert!(
                    told,
                    "{} {}: `{name}` is not in\n{help}",
                    verb.noun, verb.verb
                );
            }
        }
    }
}
