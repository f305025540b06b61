//! Which server a command talks to: one that was named, one that works on this machine's data
//! folder, or one of the command's own for as long as it lasts.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use futures_util::TryStreamExt;
use prebuildd::config::{Config, SandboxChoice};
use prebuildd::daemon::{Daemon, StartError};
use prebuildd::data_dir::{DataDir, DataDirError, RunningServer};
use prebuilds::client::Client;
use prebuilds::v1::{Prebuild, PrebuildPhase, list_prebuilds_request};
use tonic::Code;

use crate::data_folder::DataDirArgs;
use crate::failure::{Failure, note};
use crate::humanize::moment;

/// The variables with a server's URL and its token, in the order in which they are looked at.
const VARIABLES: [(&str, &str); 3] = [
    ("PREBUILDS_BASE_URL", "PREBUILDS_API_KEY"),
    ("ONA_BASE_URL", "ONA_API_KEY"),
    ("GITPOD_BASE_URL", "GITPOD_API_KEY"),
];

/// How long to wait for a server that is just starting or ending on the data folder.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// The options that name a server.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The URL of the server [default: from the environment, else the data folder of this machine]
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    server: Option<String>,
    /// The token for the server; better given as PREBUILDS_API_KEY, since others on this machine
    /// see the arguments of programs
    #[arg(long, value_name = "TOKEN", conflicts_with = "data_dir")]
    token: Option<String>,
    #[command(flatten)]
    data_dir: DataDirArgs,
}

/// A server to talk to.
pub(crate) struct Connection {
    pub(crate) client: Client,
    embedded: Option<Embedded>,
}

/// A server in this process.
struct Embedded {
    daemon: Daemon,
    since: SystemTime,
}

impl Connection {
    /// Connects to the server that options and environment name.
    pub(crate) async fn open(args: &ServerArgs) -> Result<Self, Failure> {
        match named(args)? {
            Some((url, token)) => {
                let client = client(&url, &token)?;
                Ok(Self {
                    client,
                    embedded: None,
                })
            }
            None => Self::to_folder(&args.data_dir.path()?).await,
        }
    }

    /// Connects to the server that works on a data folder, which is one in this process when there
    /// is no other.
    pub(crate) async fn to_folder(path: &Path) -> Result<Self, Failure> {
        let folder = DataDir::open(path).map_err(Failure::failed)?;
        let began = Instant::now();
        loop {
            if let Some(server) = folder.running_server().map_err(Failure::failed)?
                && let Some(client) = answering(&server).await?
            {
                return Ok(Self {
                    client,
                    embedded: None,
                });
            }
            let mut config = Config::new(path);
            config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            config.sandbox = SandboxChoice::Optional;
            let since = SystemTime::now();
            match Daemon::start(config).await {
                Ok(daemon) => {
                    let url = format!("http://{}", daemon.local_addr());
                    return Ok(Self {
                        client: client(&url, daemon.admin_token())?,
                        embedded: Some(Embedded { daemon, since }),
                    });
                }
                // Somebody was quicker, and will soon say where it listens.
                Err(StartError::DataDir(DataDirError::InUse { .. }))
                    if began.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(Failure::failed(error)),
            }
        }
    }

    /// Whether the server ends with this command.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Ends a server of this command's own, after the prebuilds that other commands have meanwhile
    /// entrusted to it.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        let Some(Embedded { daemon, since }) = self.embedded else {
            return Ok(());
        };
        let entrusted = entrusted(&self.client, since).await?;
        if !entrusted.is_empty() {
            note(&format!(
                "Other commands use the server of this one: waiting for {} to end",
                match entrusted.as_slice() {
                    [one] => format!("prebuild {one}"),
                    many => format!("{} prebuilds", many.len()),
                }
            ));
        }
        for id in entrusted {
            self.client.wait(&id).await?;
        }
        daemon.shutdown().await;
        Ok(())
    }
}

/// The prebuilds in progress that were created since a moment.
async fn entrusted(client: &Client, since: SystemTime) -> Result<Vec<String>, Failure> {
    let in_progress = PrebuildPhase::ALL
        .into_iter()
        .filter(|phase| phase.is_in_progress() || *phase == PrebuildPhase::Cancelling);
    let filter = list_prebuilds_request::Filter {
        phases: in_progress.map(Into::into).collect(),
        ..Default::default()
    };
    let recent = |prebuild: &Prebuild| {
        let created = prebuild.metadata.as_ref();
        created.and_then(|metadata| moment(metadata.created_at)) >= Some(since)
    };
    let all: Vec<Prebuild> = client.list(filter).try_collect().await?;
    Ok(all
        .into_iter()
        .filter(recent)
        .map(|prebuild| prebuild.id)
        .collect())
}

/// The server and token that options and environment name, if they do.
fn named(args: &ServerArgs) -> Result<Option<(String, String)>, Failure> {
    if args.data_dir.is_given() {
        return Ok(None);
    }
    let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let (url, variable) = match &args.server {
        // A token of another service does not go to a server that was named here.
        Some(url) => (url.clone(), VARIABLES[0].1),
        None => {
            let found = VARIABLES
                .iter()
                .find_map(|&(url, key)| Some((set(url)?, key)));
            match found {
                Some(found) => found,
                None if args.token.is_some() => {
                    return Err(Failure::usage(
                        "--token needs a server: name it with --server or PREBUILDS_BASE_URL",
                    ));
                }
                None => return Ok(None),
            }
        }
    };
    match args.token.clone().or_else(|| set(variable)) {
        Some(token) => Ok(Some((url, token))),
        None => Err(Failure::usage(format!(
            "no token for {url}: set {variable}; `prebuilds token create` on the machine of the \
             server makes one"
        ))),
    }
}

/// The client of a server on the data folder, unless the server has just gone.
async fn answering(server: &RunningServer) -> Result<Option<Client>, Failure> {
    let client = client(&server.url, &server.token)?;
    match client.identity().await {
        Ok(_) => Ok(Some(client)),
        Err(error) if error.code() == Some(Code::Unavailable) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn client(url: &str, token: &str) -> Result<Client, Failure> {
    let agent = concat!("prebuilds-cli/", env!("CARGO_PKG_VERSION"));
    Ok(Client::builder()
        .base_url(url)
        .token(token)
        .user_agent(agent)
        .build()?)
}
