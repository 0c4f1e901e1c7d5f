//! `kiln completions` and `kiln man`.

use std::{io, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::base::{Exit, Failure, OutputFolder, Result};

#[derive(Args, Debug)]
pub(crate) struct CompletionsFlags {
    /// Shell
    shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManFlags {
    /// Folder to write to, one page per command
    dir: PathBuf,
    /// Replace existing pages
    #[arg(long)]
    force: bool,
}

/// `kiln completions`. `command` is the whole command line.
pub(crate) fn completions(flags: &CompletionsFlags, mut command: Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut command, "kiln", &mut script);
    match io::Write::write_all(&mut io::stdout(), &script) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(Exit::Done),
    }
}

/// `kiln man`. `command` is the whole command line.
pub(crate) fn man(flags: &ManFlags, mut command: Command) -> Result<Exit> {
    command.build();
    let mut pages = Vec::new();
    render(&command, "kiln", &mut pages)?;
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let folder = OutputFolder::new(&flags.dir, &names, flags.force)?;
    pages.iter().try_for_each(|(name, page)| folder.write(name, page))?;
    Ok(Exit::Done)
}

/// Renders the page of a command, and of the commands below it.
fn render(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).title(name.to_owned());
    man.render(&mut page).map_err(Failure::internal)?;
    pages.push((format!("{name}.1"), page));
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    below.into_iter().try_for_each(|command| render(command, &format!("{name}-{}", command.get_name()), pages))
}
