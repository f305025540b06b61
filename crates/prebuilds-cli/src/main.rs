//! The one binary of prebuilds.
//!
//! `cli.rs` is the command line, `commands/` has one file per command, and the rest is what the
//! commands share: which server (`connection.rs`), what to prebuild (`checkout.rs`), how it is shown
//! while it runs (`progress.rs`, `follow.rs`) and afterwards (`output.rs`, `resources.rs`,
//! `table.rs`), and how it ends (`failure.rs`, `interrupt.rs`). Results go to standard output and
//! nothing else does; whatever is for a person who looks on goes to standard error.

mod checkout;
mod cli;
mod commands;
mod connection;
mod data_folder;
mod failure;
mod follow;
mod humanize;
mod interrupt;
mod output;
mod progress;
mod resources;
mod style;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::style::Style;

/// How long blocking work may go on after the command is done: a restore removes what it began.
const LAST_WORK: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(&cli.command);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(commands::dispatch(cli.command));
            runtime.shutdown_timeout(LAST_WORK);
            done
        }
        Err(error) => Err(Failure::failed(format!("cannot start: {error}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A server says what it does; the other commands tell it in their own words, and log only errors
/// of a server in the same process. `RUST_LOG` decides otherwise.
fn log_to_stderr(command: &Command) {
    let usual = match command {
        Command::Serve(_) => "info",
        _ => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(Style::stderr().is_coloured())
        .init();
}
