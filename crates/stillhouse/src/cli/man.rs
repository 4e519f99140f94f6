//! Manual pages, made from the tree of commands: one a command, named as git's are. Nothing in them
//! is written by hand.

use std::io::{Error, Result};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::tree;
use crate::failure::{self, Failure};
use crate::wiring;

/// Writes them all to a folder, which is made if it is not there.
pub(super) fn write(folder: &Path) -> failure::Result<()> {
    let pages = || {
        std::fs::create_dir_all(folder)?;
        let mut command = tree::command().disable_help_subcommand(true);
        // Only then every command knows the names of those above it.
        command.build();
        page(&command, folder)
    };
    pages().map_err(Failure::system("writing manual pages"))
}

/// The page of a command, and of every one below it.
fn page(command: &Command, folder: &Path) -> Result<()> {
    for below in command.get_subcommands() {
        page(below, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let page = Man::new(command.clone())
        .title(name)
        .source(format!("stillhouse {}", wiring::VERSION))
        .manual("Stillhouse");
    let file = folder.join(page.get_filename());
    let told = |error: Error| Error::new(error.kind(), format!("{}: {error}", file.display()));
    let mut text = Vec::new();
    page.render(&mut text)?;
    std::fs::write(&file, text).map_err(told)
}
