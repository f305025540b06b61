//! One environment: clone a repository, run the prebuild part of its devcontainer lifecycle in a
//! sandbox, capture the output, and end every process.
//!
//! An environment is one folder, `<environments>/<id>/`:
//!
//! | entry | what it is |
//! |---|---|
//! | `workspace/` | the checkout; `/workspaces/<repository name>` in the sandbox |
//! | `home/` | HOME of the commands; `/home/prebuild` in the sandbox |
//! | `tmp/` | `/tmp` in the sandbox, on disk so that a large one does not take memory |
//! | `git/` | git's configuration and credentials, only while it clones |
//! | `environment.json` | what a later server process needs to know |
//!
//! The first two are the snapshot. Every process of an environment carries its id in a variable of
//! the process environment, so [`Runner::stop`] finds them whoever started them. Nothing here
//! trusts the repository once a command has run: git is only driven before, and what later steps
//! need is recorded outside of what the commands see.

mod commands;
mod credentials;
mod devcontainer;
mod environment;
mod error;
mod git;
mod lifecycle;
mod output;
mod processes;
mod sandbox;
mod spawner;
mod substitution;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::source::Source;
use crate::logs::LogWriter;

pub use credentials::{GitCredential, SecretSource};
pub use environment::Environment;
pub use error::RunnerError;
pub use sandbox::{SandboxMode, SandboxUnavailable};

/// The variable that every process of an environment carries; its value is the environment's id.
pub const ENVIRONMENT_VARIABLE: &str = "PREBUILDS_ENVIRONMENT_ID";

/// Variables of the server that commands get unless told otherwise: where certificates are, how to
/// reach the network, language and time zone.
pub const DEFAULT_PASSTHROUGH: &[&str] = &[
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// How the runner works on this machine.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// Where the folders of the environments are; created when missing.
    pub environments_dir: PathBuf,
    /// What stands between the commands and this machine.
    pub sandbox: SandboxMode,
    /// PATH of the commands, and where git and ssh are looked for. In the sandbox its folders are
    /// visible read-only.
    pub search_path: String,
    /// The variables of the server's environment; only those that are named below, and the folders
    /// of toolchains, ever reach a command.
    pub server_env: BTreeMap<String, String>,
    /// Names of variables that every command gets.
    pub passthrough_env: Vec<String>,
    /// Names of variables that `${localEnv:NAME}` may read.
    pub local_env: Vec<String>,
    /// Further files and folders that are visible in the sandbox, read-only.
    pub read_only_paths: Vec<PathBuf>,
    /// Folders in which repositories given by path or `file://` URL may lie; `/` allows all. A
    /// server for more than one person should name a folder, or none.
    pub local_repositories: Vec<PathBuf>,
    /// Credentials for git over HTTPS.
    pub git_credentials: Vec<GitCredential>,
}

impl RunnerConfig {
    /// The configuration for this process: its PATH and variables, the default pass-through, no
    /// credentials.
    #[must_use]
    pub fn from_env(environments_dir: impl Into<PathBuf>, sandbox: SandboxMode) -> Self {
        let server_env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            environments_dir: environments_dir.into(),
            sandbox,
            search_path: server_env.get("PATH").cloned().unwrap_or_else(|| {
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()
            }),
            server_env,
            passthrough_env: DEFAULT_PASSTHROUGH
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            local_env: Vec::new(),
            read_only_paths: Vec::new(),
            local_repositories: vec![PathBuf::from("/")],
            git_credentials: Vec::new(),
        }
    }
}

/// What an environment is made for.
#[derive(Clone)]
pub struct EnvironmentRequest {
    /// Names the folder, and marks the processes.
    pub environment_id: Uuid,
    /// The prebuild that it belongs to.
    pub prebuild_id: Uuid,
    /// What to clone.
    pub source: Source,
    /// The project's secrets: name and value. They stay in memory.
    pub env: Vec<(String, String)>,
}

impl std::fmt::Debug for EnvironmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvironmentRequest")
            .field("environment_id", &self.environment_id)
            .field("prebuild_id", &self.prebuild_id)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Makes, runs and removes environments. Cheap to clone; clones share everything.
///
/// Every future may be dropped at any time: what it started then ends, or is ended by
/// [`stop`](Self::stop).
#[derive(Clone, Debug)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: RunnerConfig,
    sandbox: Option<sandbox::Sandbox>,
    base_env: BTreeMap<String, String>,
    spawner: spawner::Spawner,
}

impl Runner {
    /// Prepares the folder and finds out what of this machine the sandbox shows.
    ///
    /// # Errors
    /// The folder cannot be created, or no thread can be started.
    pub fn new(mut config: RunnerConfig) -> Result<Self, RunnerError> {
        let folder = &config.environments_dir;
        environment::create_folder(folder)
            .and_then(|()| std::fs::canonicalize(folder))
            .map_err(|e| RunnerError::io("create", folder, e))
            .map(|canonical| config.environments_dir = canonical)?;
        let sandbox = sandbox::Sandbox::prepare(&config)?;
        let base_env = sandbox::base_env(&config);
        Ok(Self {
            inner: Arc::new(Inner {
                sandbox,
                base_env,
                spawner: spawner::Spawner::start()?,
                config,
            }),
        })
    }

    /// Makes the environment: its folder, the clone at the wanted revision, the devcontainer
    /// configuration. What an earlier attempt with the same id left is removed first.
    ///
    /// # Errors
    /// See [`RunnerError`].
    pub async fn start(
        &self,
        request: &EnvironmentRequest,
        log: &LogWriter,
    ) -> Result<Environment, RunnerError> {
        environment::check_variables(&request.env)?;
        let folder = self.folder(request.environment_id);
        if folder.exists() {
            self.remove(request.environment_id).await?;
        }
        for part in ["", "workspace", "home", "tmp", "git"] {
            let part = folder.join(part);
            environment::create_folder(&part).map_err(|e| RunnerError::io("create", &part, e))?;
        }
        let workspace = folder.join("workspace");
        // Its mode goes into the snapshot; the folder around it keeps others out.
        std::fs::set_permissions(&workspace, Permissions::from_mode(0o755))
            .map_err(|e| RunnerError::io("set the mode of", &workspace, e))?;
        log.heading(&format!(
            "Clone {} at {}",
            request.source.repository, request.source.revision
        ));
        let commit = git::Git::new(&self.inner, request.environment_id, &folder, log)?
            .clone(&request.source, &workspace)
            .await?;
        environment::delete_folder(folder.join("git"))
            .await
            .map_err(|e| RunnerError::io("remove", &folder, e))?;

        let environment = Environment::create(
            request,
            &folder,
            commit,
            self.workspace_in_sandbox(&request.source, &workspace),
        )?;
        match environment.devcontainer_path() {
            Some(path) => log.line(&format!("Using {path}")),
            None => log.line("No devcontainer.json: the plain clone is the prebuild"),
        }
        for warning in &environment.warnings {
            log.line(&format!("Warning: {warning}"));
        }
        environment.record().await?;
        Ok(environment)
    }

    /// Runs initializeCommand, onCreateCommand and updateContentCommand, each to its end before the
    /// next, and none after the first that fails.
    ///
    /// # Errors
    /// [`RunnerError::Command`] names the command that failed; see there for the others.
    pub async fn run_lifecycle(
        &self,
        environment: &Environment,
        log: &LogWriter,
    ) -> Result<(), RunnerError> {
        lifecycle::run(&self.inner, environment, log).await
    }

    /// Ends every process of the environment, also those that an earlier server process started,
    /// and returns when none is left.
    ///
    /// # Errors
    /// [`RunnerError::ProcessesLeft`] when some do not end although they were killed.
    pub async fn stop(&self, environment_id: Uuid) -> Result<(), RunnerError> {
        // What a dropped future had asked for is started or discarded by then.
        self.inner.spawner.settle().await;
        processes::end(processes::Mark::environment(
            environment_id,
            self.folder(environment_id),
            self.inner.sandbox.is_none(),
        ))
        .await
    }

    /// Stops the environment and deletes its folder. There being none is fine.
    ///
    /// # Errors
    /// As [`stop`](Self::stop), or the folder cannot be deleted.
    pub async fn remove(&self, environment_id: Uuid) -> Result<(), RunnerError> {
        self.stop(environment_id).await?;
        let folder = self.folder(environment_id);
        environment::delete_folder(folder.clone())
            .await
            .map_err(|e| RunnerError::io("remove", &folder, e))
    }

    /// The environment as [`start`](Self::start) made it, without its secrets; `None` when there
    /// is none, or when making it was interrupted.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn reopen(&self, environment_id: Uuid) -> Result<Option<Environment>, RunnerError> {
        Environment::open(&self.folder(environment_id)).await
    }

    /// The environments on this machine's disk, complete or not.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn environments(&self) -> Result<Vec<Uuid>, RunnerError> {
        let folder = self.inner.config.environments_dir.clone();
        environment::list(folder.clone())
            .await
            .map_err(|e| RunnerError::io("read", &folder, e))
    }

    fn folder(&self, id: Uuid) -> PathBuf {
        self.inner.config.environments_dir.join(id.to_string())
    }

    /// Where the commands see the workspace.
    fn workspace_in_sandbox(&self, source: &Source, workspace: &Path) -> PathBuf {
        match self.inner.sandbox {
            Some(_) => Path::new("/workspaces").join(source.repository.name()),
            None => workspace.to_owned(),
        }
    }
}
