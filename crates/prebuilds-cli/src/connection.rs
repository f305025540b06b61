//! Which server a command talks to: one that was named, one that works on this machine's data
//! folder, or one of the command's own for as long as it lasts.

use std::env;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use futures_util::TryStreamExt;
use prebuildd::config::{Config, SandboxChoice};
use prebuildd::daemon::{Daemon, StartError};
use prebuildd::data_dir::{DataDir, DataDirError, RunningServer};
use prebuilds::client::{Client, ClientError};
use prebuilds::v1::{Prebuild, PrebuildPhase, list_prebuilds_request};
use tokio::time::timeout;
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
/// How often to look whether another command's server is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long a server that no longer answers may take to leave the data folder.
const LEAVING: Duration = Duration::from_secs(30);
/// How long other commands may take to read the end of their prebuilds.
const LAST_READS: Duration = Duration::from_secs(5);

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
    server: Server,
}

/// Whose server it is.
enum Server {
    /// The one that options or environment name.
    Named,
    /// The one that another process has on a data folder.
    Shared {
        folder: DataDir,
        url: String,
        /// Whether it is another command's own.
        transient: bool,
    },
    /// One in this process.
    Own {
        daemon: Box<Daemon>,
        /// From when on other commands may have created prebuilds that are in its care; none when
        /// all that it found in progress are.
        since: Option<SystemTime>,
    },
}

impl Connection {
    /// Connects to the server that options and environment name.
    pub(crate) async fn open(args: &ServerArgs) -> Result<Self, Failure> {
        match named(args)? {
            Some((url, token)) => Ok(Self {
                client: client(&url, &token)?,
                server: Server::Named,
            }),
            None => Self::to_folder(&args.data_dir.path()?).await,
        }
    }

    /// Connects to the server that works on a data folder, which is one in this process when there
    /// is no other.
    pub(crate) async fn to_folder(path: &Path) -> Result<Self, Failure> {
        let folder = DataDir::open(path).map_err(Failure::failed)?;
        Self::connect(folder, Some(SystemTime::now())).await
    }

    async fn connect(folder: DataDir, since: Option<SystemTime>) -> Result<Self, Failure> {
        let began = Instant::now();
        loop {
            if let Some(server) = folder.running_server().map_err(Failure::failed)?
                && let Some(client) = answering(&server).await?
            {
                let (url, transient) = (server.url, server.transient);
                return Ok(Self {
                    client,
                    server: Server::Shared {
                        folder,
                        url,
                        transient,
                    },
                });
            }
            let mut config = Config::new(folder.path());
            config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            config.sandbox = SandboxChoice::Optional;
            config.transient = true;
            match Daemon::start(config).await {
                Ok(daemon) => {
                    let url = format!("http://{}", daemon.local_addr());
                    return Ok(Self {
                        client: client(&url, daemon.admin_token())?,
                        server: Server::Own {
                            daemon: Box::new(daemon),
                            since,
                        },
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
        matches!(self.server, Server::Own { .. })
    }

    /// Returns when another server has to be looked for: the command whose server this was has
    /// ended, or another one took its place. A server of its own is expected back where it was.
    pub(crate) async fn lost(&self) {
        self.gone(LOOK).await;
    }

    async fn gone(&self, every: Duration) {
        let Server::Shared {
            folder,
            url,
            transient,
        } = &self.server
        else {
            return pending().await;
        };
        loop {
            tokio::time::sleep(every).await;
            let gone = match folder.running_server() {
                Ok(Some(server)) => server.url != *url,
                Ok(None) => *transient,
                // Who comes next will tell what is wrong with the folder.
                Err(_) => true,
            };
            if gone {
                return;
            }
        }
    }

    /// Connects again after the server was [lost](Self::lost): to the next one on the folder, which
    /// is one in this process when there is no other. Returns what to tell about it.
    pub(crate) async fn replace(&mut self) -> Result<&'static str, Failure> {
        if let Server::Shared { folder, .. } = &self.server {
            // The prebuilds in progress were in the care of the server that this one succeeds, also
            // those that were created long before.
            *self = Self::connect(folder.clone(), None).await?;
        }
        Ok(match self.server {
            Server::Own { .. } => {
                "The command whose server this one used has ended: going on with a server of its own"
            }
            _ => {
                "The command whose server this one used has ended: going on with the server of another"
            }
        })
    }

    /// Connects again after a call failed because the server was lost; any other failure stays one.
    pub(crate) async fn replace_after(
        &mut self,
        error: ClientError,
    ) -> Result<&'static str, Failure> {
        let may_be_lost = matches!(
            (&self.server, error.code()),
            (
                Server::Shared {
                    transient: true,
                    ..
                },
                Some(Code::Unavailable)
            )
        );
        // A server that ends stops listening some time before it leaves the folder.
        if !may_be_lost || timeout(LEAVING, self.gone(PAUSE)).await.is_err() {
            return Err(error.into());
        }
        self.replace().await
    }

    /// Ends a server of this command's own, after the prebuilds that other commands have meanwhile
    /// entrusted to it.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        let Server::Own { daemon, since } = self.server else {
            return Ok(());
        };
        loop {
            let entrusted = entrusted(&self.client, since).await?;
            if entrusted.is_empty() {
                break;
            }
            note(&format!(
                "Other commands use the server of this one: waiting for {} to end",
                match entrusted.as_slice() {
                    [one] => format!("prebuild {one}"),
                    many => format!("{} prebuilds", many.len()),
                }
            ));
            for id in entrusted {
                self.client.wait(&id).await?;
            }
        }
        // Who is slower than that finds the end of its prebuild on the next server.
        let _ = timeout(LAST_READS, daemon.unwatched()).await;
        daemon.shutdown().await;
        Ok(())
    }
}

/// The prebuilds in progress that were created since a moment; all of them without one.
async fn entrusted(client: &Client, since: Option<SystemTime>) -> Result<Vec<String>, Failure> {
    let in_progress = PrebuildPhase::ALL
        .into_iter()
        .filter(|phase| phase.is_in_progress() || *phase == PrebuildPhase::Cancelling);
    let filter = list_prebuilds_request::Filter {
        phases: in_progress.map(Into::into).collect(),
        ..Default::default()
    };
    let recent = |prebuild: &Prebuild| {
        let created = prebuild.metadata.as_ref();
        created.and_then(|metadata| moment(metadata.created_at)) >= since
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
