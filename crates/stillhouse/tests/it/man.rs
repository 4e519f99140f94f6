//! Manual pages: one for every command, each as `man` wants it.

use std::collections::BTreeSet;

use crate::still::Still;

#[test]
fn every_command_has_a_manual_page() {
    let still = Still::new();
    let folder = still.data.path().join("made/man1");
    still.good(&["man", folder.to_str().unwrap()]);
    let mut made = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let page = std::fs::read_to_string(entry.path()).unwrap();
        let title = name.strip_suffix(".1").unwrap();
        let heading = format!(".TH {title} 1 ");
        assert!(page.contains(&heading), "{name}: {page}");
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{name}"
        );
        made.insert(title.to_owned());
    }
    for title in ["stillhouse", "stillhouse-serve", "stillhouse-config-check"] {
        assert!(made.contains(title), "{title}: {made:?}");
    }
    for verb in ["account-create", "ledger-verify", "key-revoke"] {
        assert!(
            made.contains(&format!("stillhouse-{verb}")),
            "{verb}: {made:?}"
        );
    }
}
