//! One file per command, each with its options and what it does.

use futures_util::FutureExt;

use crate::cli::Command;
use crate::failure::Failure;
use crate::interrupt::Interrupts;

pub(crate) mod cancel;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod token;
pub(crate) mod trigger;

/// Does what the command line says. A request to end drops the work, except where ending takes
/// work of its own.
pub(crate) async fn dispatch(command: Command) -> Result<(), Failure> {
    let mut interrupts = Interrupts::listen()?;
    let work = match command {
        Command::Run(args) => return run::run(args, &mut interrupts).await,
        Command::Serve(args) => return serve::run(args, &mut interrupts).await,
        Command::Trigger(args) => return trigger::run(args, &mut interrupts).await,
        Command::Project(command) => project::run(command).boxed_local(),
        Command::List(args) => list::run(args).boxed_local(),
        Command::Get(args) => get::run(args).boxed_local(),
        Command::Cancel(args) => cancel::run(args).boxed_local(),
        Command::Delete(args) => delete::run(args).boxed_local(),
        Command::Logs(args) => logs::run(args).boxed_local(),
        Command::Start(args) => start::run(args).boxed_local(),
        Command::Token(command) => token::run(command).boxed_local(),
        Command::Completions(args) => return completions::run(&args),
    };
    tokio::select! {
        done = work => done,
        signal = interrupts.next() => Err(Failure::Interrupted(signal)),
    }
}
