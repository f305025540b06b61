//! `prebuilds serve`: serve the API until told to end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prebuildd::config::{Config, SandboxChoice};
use prebuildd::daemon::{Daemon, StartError};
use prebuildd::data_dir::{DataDir, DataDirError};

use crate::data_folder::DataDirArgs;
use crate::failure::{Failure, note, warn};
use crate::interrupt::Interrupts;

const EXAMPLES: &str = "\
Examples:
  prebuilds serve
  prebuilds serve --listen 127.0.0.1:0 --data-dir /srv/prebuilds
  prebuilds serve --config /etc/prebuilds.toml

When it is ready it prints `listening on http://ADDR` on standard output. The first start makes an
administrator's token, in `admin.token` of the data folder.

SIGTERM and Ctrl-C let calls finish, and exit with 0; a second one exits at once. Prebuilds that
were under way begin anew with the next start.";

/// How long another command's use of the data folder is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serve the API, and make the prebuilds that are asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    data_dir: DataDirArgs,
    /// A configuration file in TOML; options given here have precedence
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whether commands need a sandbox: with auto none runs without bubblewrap, with none they may
    /// do all that this server may [default: auto]
    #[arg(long, value_name = "MODE", value_enum)]
    sandbox: Option<Sandbox>,
}

/// What stands between commands and this machine.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sandbox {
    /// bubblewrap; without it, no command runs.
    Auto,
    /// Nothing.
    None,
}

pub(crate) async fn run(args: Args, interrupts: &mut Interrupts) -> Result<(), Failure> {
    let config = configure(&args)?;
    let daemon = tokio::select! {
        daemon = start(config) => daemon?,
        _ = interrupts.next() => return Ok(()),
    };
    if daemon.created_admin_token() {
        let path = args.data_dir.path()?.join("admin.token");
        note(&format!(
            "Made an administrator's token, in {} (readable by you only)",
            path.display()
        ));
    }
    if !daemon.is_sandboxed() {
        warn("commands run without a sandbox: they may do all that this server may");
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on http://{}", daemon.local_addr())?;
    stdout.flush()?;

    interrupts.next().await;
    note("Ending: calls may finish; a second signal ends at once");
    tokio::select! {
        () = daemon.shutdown() => Ok(()),
        signal = interrupts.next() => Err(Failure::Interrupted(signal)),
    }
}

fn configure(args: &Args) -> Result<Config, Failure> {
    let mut config = Config::new(args.data_dir.path()?);
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read --config {}: {error}", path.display()))
        })?;
        config = config
            .merge_toml(&text)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    match args.sandbox {
        Some(Sandbox::Auto) => config.sandbox = SandboxChoice::Auto,
        Some(Sandbox::None) => config.sandbox = SandboxChoice::None,
        None => {}
    }
    Ok(config)
}

/// Starts the server. A command that only looks for a server holds the folder for a moment, and one
/// with a server of its own for as long as it lasts.
async fn start(config: Config) -> Result<Daemon, Failure> {
    let began = Instant::now();
    loop {
        match Daemon::start(config.clone()).await {
            Ok(daemon) => return Ok(daemon),
            Err(error @ StartError::DataDir(DataDirError::InUse { .. })) => {
                let other = DataDir::open(&config.data_dir).map(|folder| folder.running_server());
                if matches!(other, Ok(Ok(Some(_)))) || began.elapsed() > PATIENCE {
                    return Err(Failure::failed(error));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(Failure::failed(error)),
        }
    }
}
