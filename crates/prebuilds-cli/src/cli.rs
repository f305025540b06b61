//! The command line: every command with its options, and the help that explains them.

use clap::{Parser, Subcommand};

use crate::commands::{
    cancel, completions, delete, get, list, logs, project, run, serve, start, token, trigger,
};

const EXAMPLES: &str = "\
Examples:
  prebuilds run .                        prebuild this checkout at its HEAD, on this machine
  prebuilds start my-app --into ~/my-app start from the newest completed prebuild
  prebuilds serve                        serve the API on 127.0.0.1:8080
  prebuilds list --format json           what there is, for scripts

Which server:
  --server and --token, else PREBUILDS_BASE_URL and PREBUILDS_API_KEY, else ONA_BASE_URL and
  ONA_API_KEY, else GITPOD_BASE_URL and GITPOD_API_KEY. Without any of these, the data folder of
  this machine: by a server that runs on it, else by this command itself while it lasts.

Exit codes:
  0 done or COMPLETED   1 failed   2 bad usage   130 interrupted";

/// Prebuilt development environments: make them, serve them, start from them.
#[derive(Debug, Parser)]
#[command(name = "prebuilds", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a prebuild of a checkout or repository, here and now
    Run(run::Args),
    /// Serve the API, and make the prebuilds that are asked for
    Serve(serve::Args),
    /// Create, show and delete projects
    #[command(subcommand)]
    Project(project::Command),
    /// Create a prebuild of a project
    Trigger(trigger::Args),
    /// List prebuilds, the newest first
    List(list::Args),
    /// Show one prebuild
    Get(get::Args),
    /// Stop a prebuild that has not ended
    Cancel(cancel::Args),
    /// Delete a prebuild with its snapshot and log
    Delete(delete::Args),
    /// Print the log of a prebuild
    Logs(logs::Args),
    /// Start from a snapshot: restore it into a folder
    Start(start::Args),
    /// Create, show and revoke tokens of the server on this machine
    #[command(subcommand)]
    Token(token::Command),
    /// Print the completions for a shell
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
