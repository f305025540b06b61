//! `prebuilds completions`: what shells need to complete the commands.

use std::io;
use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  prebuilds completions bash > ~/.local/share/bash-completion/completions/prebuilds
  prebuilds completions zsh > \"${fpath[1]}/_prebuilds\"
  prebuilds completions fish > ~/.config/fish/completions/prebuilds.fish";

/// Print the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    // Not straight to standard output: the generator panics when that is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "prebuilds", &mut script);
    io::stdout().write_all(&script)?;
    Ok(io::stdout().flush()?)
}
