//! The whole backend in one process: data folder, store, controller and HTTP, started together and
//! ended together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use prebuilds::v1::Principal;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_connect::server::Options;
use tonic_connect::transport::Server;

use crate::api::Api;
use crate::config::{Config, SandboxChoice};
use crate::controller::{Controller, Settings};
use crate::data_dir::{DataDir, DataDirError, Lock, write_private};
use crate::domain::TokenHash;
use crate::logs::{LogTokens, Logs};
use crate::runner::{Runner, RunnerConfig, RunnerError, SandboxMode, SandboxUnavailable};
use crate::snapshot::{SnapshotError, Snapshots};
use crate::store::sqlite::SqliteStore;
use crate::store::{Identities as _, Queue as _, Store, StoreError};
use crate::{http, tokens};

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder cannot be used, or another server works on it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// There is no sandbox, and it was not said that none is needed.
    #[error(
        "commands would run without a sandbox: {0}; or accept that they may do all that this server may, with --sandbox none"
    )]
    Sandbox(#[source] SandboxUnavailable),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environments cannot be made.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// Snapshots cannot be kept.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// Logs cannot be kept.
    #[error("cannot keep logs: {0}")]
    Logs(#[source] io::Error),
    /// The address is taken, or is not of this machine.
    #[error(
        "cannot listen on {address}: {source}; name another address with --listen, port 0 takes a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A backend that runs in this process.
#[derive(Debug)]
pub struct Daemon {
    address: SocketAddr,
    admin_token: String,
    created_admin_token: bool,
    sandboxed: bool,
    store: SqliteStore,
    /// Stops taking new work: HTTP drains, builds are given up.
    shutdown: CancellationToken,
    /// The streams of events and logs that are open.
    streams: TaskTracker,
    http: JoinHandle<io::Result<()>>,
    controller: JoinHandle<()>,
    /// Given back last.
    _lock: Lock,
}

impl Daemon {
    /// Starts everything; when it returns, the address accepts connections.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        // So that error details are readable in JSON.
        prebuilds::v1::register_json_types();
        let data_dir = DataDir::open(&config.data_dir)?;
        let lock = data_dir.lock()?;
        let sandbox = choose_sandbox(config.sandbox)?;
        let sandboxed = sandbox != SandboxMode::None;

        let store = SqliteStore::open(&data_dir.store(), Timestamp::now()).await?;
        // The lock says that no other process works on this store: whoever held leases is gone.
        store.void_leases().await?;
        let (admin_token, created_admin_token) = admin_token(&data_dir, &store).await?;
        let logs = Logs::open(data_dir.logs()).map_err(StartError::Logs)?;
        let log_tokens = LogTokens::new(data_dir.logs_key_bytes()?.as_bytes());
        let snapshots = Snapshots::local(data_dir.snapshots())?;
        let runner = Runner::new(RunnerConfig {
            read_only_paths: config.read_only_paths,
            local_env: config.local_env,
            local_repositories: config.local_repositories,
            git_credentials: config.git_credentials,
            ..RunnerConfig::from_env(data_dir.environments(), sandbox)
        })?;

        let failed = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let base_url = config
            .public_url
            .unwrap_or_else(|| format!("http://{address}"));

        let shutdown = CancellationToken::new();
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let api = Api::new(Arc::clone(&shared), log_tokens, &base_url, shutdown.clone());
        let streams = api.streams.clone();
        let router = http::router(api, logs.clone(), snapshots.clone(), Options::default());
        let serving = Server::new().drain(config.drain);
        let http =
            tokio::spawn(serving.serve(listener, router, shutdown.clone().cancelled_owned()));
        let settings = Settings {
            concurrency: config.concurrency,
            warn_unsandboxed: !sandboxed,
            ..Settings::default()
        };
        let controller = Controller::new(settings, shared, runner, logs, snapshots);
        let controller = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { controller.run(shutdown).await }
        });
        lock.announce(&format!("http://{address}"), config.transient)?;
        Ok(Self {
            address,
            admin_token,
            created_admin_token,
            sandboxed,
            store,
            shutdown,
            streams,
            http,
            controller,
            _lock: lock,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The secret of the first administrator's token, which stands in `admin.token` in the data
    /// folder.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// Whether that token was made by this start.
    #[must_use]
    pub fn created_admin_token(&self) -> bool {
        self.created_admin_token
    }

    /// Whether commands run in a sandbox.
    #[must_use]
    pub fn is_sandboxed(&self) -> bool {
        self.sandboxed
    }

    /// Returns when nobody watches events or reads a log, so that nobody is cut off from the end of a
    /// prebuild by [`shutdown`](Self::shutdown).
    pub async fn unwatched(&self) {
        self.streams.close();
        self.streams.wait().await;
    }

    /// Ends everything: calls may finish within the drain time, and what is being built is given
    /// up, for the next start to begin anew.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        match self.http.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "serving ended with an error"),
            Err(error) => tracing::error!(%error, "serving ended with a panic"),
        }
        if let Err(error) = self.controller.await {
            tracing::error!(%error, "the controller ended with a panic");
        }
        self.store.close().await;
    }
}

fn choose_sandbox(choice: SandboxChoice) -> Result<SandboxMode, StartError> {
    match choice {
        SandboxChoice::None => Ok(SandboxMode::None),
        SandboxChoice::Auto => SandboxMode::detect().map_err(StartError::Sandbox),
        SandboxChoice::Optional => Ok(SandboxMode::detect().unwrap_or_else(|reason| {
            tracing::warn!(%reason, "commands run without a sandbox");
            SandboxMode::None
        })),
    }
}

/// The administrator's token: the one in the folder if the store knows it, else a new one. Returns
/// whether it is new.
async fn admin_token(
    data_dir: &DataDir,
    store: &SqliteStore,
) -> Result<(String, bool), StartError> {
    let path = data_dir.admin_token();
    if let Some(secret) = data_dir.read_secret(&path)? {
        match store.token_by_hash(&TokenHash::of(&secret)).await {
            Ok(_) => return Ok((secret, false)),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (_, secret) = tokens::create_in(
        store,
        tokens::DEFAULT_ORGANIZATION,
        "admin",
        Principal::User,
        false,
    )
    .await?;
    write_private(&path, &secret)?;
    Ok((secret, true))
}
