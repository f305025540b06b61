//! Cloning: git as a program, in an environment of our own making.
//!
//! A repository must not run code while it is cloned, nor lead git to a place that the request did
//! not name: no configuration but ours, no hooks, no transports but the named ones, files of this
//! machine and unencrypted HTTP only when the repository itself is there. A local repository goes
//! through the same transport as a remote one, so that the clone shares nothing with it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use uuid::Uuid;

use super::commands::{self, Failed};
use super::output::{GitOutput, Sink};
use super::{ENVIRONMENT_VARIABLE, Inner, RunnerError, credentials};
use crate::domain::source::{Repository, Revision, Source};
use crate::logs::LogWriter;

/// The most that is kept of an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Variables of the server that git and ssh need in order to reach the network and to know who they
/// are.
const PASSTHROUGH: &[&str] = &[
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// What git says when another attempt may succeed.
const TRANSIENT: &[&str] = &[
    "Could not resolve host",
    "Could not resolve hostname",
    "Temporary failure in name resolution",
    "Failed to connect",
    "Couldn't connect",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "Connection closed",
    "Operation timed out",
    "Operation too slow",
    "Network is unreachable",
    "No route to host",
    "early EOF",
    "RPC failed",
    "returned error: 429",
    "returned error: 5",
    "No space left on device",
];

pub(super) struct Git<'a> {
    inner: &'a Inner,
    environment: Uuid,
    /// git's own folder: configuration, credentials, HOME.
    folder: PathBuf,
    log: &'a LogWriter,
}

fn permanent(message: impl Into<String>) -> RunnerError {
    RunnerError::Repository {
        message: message.into(),
        transient: false,
    }
}

impl<'a> Git<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        environment: Uuid,
        folder: &Path,
        log: &'a LogWriter,
    ) -> Result<Self, RunnerError> {
        Ok(Self {
            inner,
            environment,
            folder: folder.join("git"),
            log,
        })
    }

    /// Clones into the empty folder `workspace` and checks the revision out, with submodules.
    /// Returns the commit, empty for a repository without commits.
    pub(super) async fn clone(
        &self,
        source: &Source,
        workspace: &Path,
    ) -> Result<String, RunnerError> {
        let repository = &source.repository;
        if let Some(path) = repository.local_path() {
            self.check_local(repository, &path)?;
        }
        self.configure(repository)?;

        let mut words = vec!["clone", "--no-checkout", "--progress"];
        if repository.local_path().is_some() {
            words.push("--no-local");
        }
        let target = workspace.to_string_lossy();
        words.extend(["--", repository.as_str(), &target]);
        self.run(Path::new("/"), &words, &format!("clone {repository}"))
            .await
            .map_err(|error| match error {
                // Of a folder that is there, git says the same as of none.
                RunnerError::Repository { message, .. }
                    if repository.local_path().is_some() && message.contains("does not exist") =>
                {
                    permanent(format!("{repository} is not a git repository"))
                }
                error => error,
            })?;

        let references = ["for-each-ref", "--count=1", "--format=%(objectname)"];
        let head = self.commit(workspace, "HEAD").await?;
        let empty = head.is_none() && self.ask(workspace, &references).await?.is_none();
        if empty && source.revision == Revision::Head {
            self.log
                .line("The repository has no commits: the workspace is empty");
            return Ok(String::new());
        }
        let commit = self.check_out(source, workspace, head).await?;
        self.log.line(&format!("Checked out commit {commit}"));
        if fs::symlink_metadata(workspace.join(".gitmodules")).is_ok() {
            let words = ["submodule", "update", "--init", "--recursive", "--progress"];
            self.run(
                workspace,
                &words,
                &format!("clone the submodules of {repository}"),
            )
            .await?;
        }
        Ok(commit)
    }

    async fn check_out(
        &self,
        source: &Source,
        workspace: &Path,
        head: Option<String>,
    ) -> Result<String, RunnerError> {
        let repository = &source.repository;
        let (commit, words): (Option<String>, Vec<String>) = match &source.revision {
            Revision::Head => (head, ["reset", "--hard"].map(str::to_owned).into()),
            Revision::Branch(name) => {
                let remote = format!("refs/remotes/origin/{name}");
                let words = [
                    "checkout",
                    "--force",
                    "-B",
                    name.as_str(),
                    "--track",
                    &remote,
                ];
                (
                    self.commit(workspace, &remote).await?,
                    words.map(str::to_owned).into(),
                )
            }
            Revision::Tag(name) => {
                let commit = self.commit(workspace, &format!("refs/tags/{name}")).await?;
                let words = detached(commit.as_deref());
                (commit, words)
            }
            Revision::Commit(id) => {
                let mut commit = self.commit(workspace, id.as_str()).await?;
                if commit.is_none() {
                    // Reachable from no branch or tag, such as a merge request's: many servers give
                    // it to who names it. The reason for a refusal is in the log.
                    let words = ["fetch", "--progress", "origin", id.as_str()];
                    match self.run(workspace, &words, "fetch").await {
                        Err(
                            error @ RunnerError::Repository {
                                transient: true, ..
                            },
                        ) => {
                            return Err(error);
                        }
                        Err(error @ RunnerError::Io { .. }) => return Err(error),
                        _ => commit = self.commit(workspace, id.as_str()).await?,
                    }
                }
                let words = detached(commit.as_deref());
                (commit, words)
            }
        };
        let Some(commit) = commit else {
            return Err(permanent(match &source.revision {
                Revision::Head => format!(
                    "the HEAD of repository {repository} names a branch that does not exist: name a branch in the project"
                ),
                revision => format!("repository {repository} has no {revision}"),
            }));
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.run(workspace, &words, &format!("check out {}", source.revision))
            .await?;
        Ok(commit)
    }

    /// Whether a repository on this machine may be cloned.
    fn check_local(&self, repository: &Repository, path: &Path) -> Result<(), RunnerError> {
        let config = &self.inner.config;
        let allowed = |real: &Path| {
            config
                .local_repositories
                .iter()
                .filter_map(|folder| fs::canonicalize(folder).ok())
                .any(|folder| real.starts_with(folder))
                && !real.starts_with(&config.environments_dir)
        };
        match fs::canonicalize(path) {
            Ok(real) if allowed(&real) => Ok(()),
            // Says nothing about what exists outside of the allowed folders.
            _ if config.local_repositories.is_empty() => Err(permanent(format!(
                "repository {repository} is a path, and this server clones no repositories of its own machine: give a URL"
            ))),
            Ok(_) => Err(permanent(format!(
                "repository {repository} does not exist, or lies where this server clones no repositories from"
            ))),
            Err(error) => Err(permanent(format!(
                "repository {repository} does not exist, or lies where this server clones no repositories from ({error})"
            ))),
        }
    }

    fn configure(&self, repository: &Repository) -> Result<(), RunnerError> {
        let allow = |allowed: bool| if allowed { "always" } else { "never" };
        let credentials = credentials::prepare(&self.inner.config.git_credentials, &self.folder)
            .map_err(permanent)?;
        let config = format!(
            "[safe]\n\tdirectory = *\n\
             [core]\n\thooksPath = /dev/null\n\
             [protocol]\n\tallow = never\n\
             [protocol \"https\"]\n\tallow = always\n\
             [protocol \"ssh\"]\n\tallow = always\n\
             [protocol \"file\"]\n\tallow = {}\n\
             [protocol \"http\"]\n\tallow = {}\n\
             [protocol \"ext\"]\n\tallow = never\n\
             [http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 60\n\
             [gc]\n\tauto = 0\n\
             [maintenance]\n\tauto = false\n\
             [advice]\n\tdetachedHead = false\n\
             [init]\n\tdefaultBranch = main\n\
             {credentials}",
            allow(repository.local_path().is_some()),
            allow(repository.is_plain_http()),
        );
        let path = self.config_path();
        fs::write(&path, config).map_err(|e| RunnerError::io("write", &path, e))
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("config")
    }

    fn command(&self, folder: &Path, words: &[&str]) -> Command {
        let config = &self.inner.config;
        let mut command = Command::new("git");
        command
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .env_clear()
            .envs(
                PASSTHROUGH
                    .iter()
                    .filter_map(|&name| Some((name, config.server_env.get(name)?))),
            )
            .env("PATH", &config.search_path)
            .env("HOME", &self.folder)
            .env("LC_ALL", "C.UTF-8")
            .env("LANGUAGE", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.config_path())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env(
                "GIT_SSH_COMMAND",
                "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15",
            )
            .env(ENVIRONMENT_VARIABLE, self.environment.to_string());
        command
    }

    /// Runs git with its output in the log.
    async fn run(&self, folder: &Path, words: &[&str], what: &str) -> Result<(), RunnerError> {
        let mut output = GitOutput::new(self.log);
        let status = self.execute(folder, words, &mut output).await?;
        let said = output.finish();
        if status {
            return Ok(());
        }
        let transient = said
            .iter()
            .any(|line| TRANSIENT.iter().any(|sign| line.contains(sign)));
        Err(RunnerError::Repository {
            message: format!("cannot {what}: {}", reason(&said)),
            transient,
        })
    }

    /// The id of the commit that `name` stands for, if there is one.
    async fn commit(&self, folder: &Path, name: &str) -> Result<Option<String>, RunnerError> {
        let name = format!("{name}^{{commit}}");
        self.ask(folder, &["rev-parse", "--verify", "--quiet", &name])
            .await
    }

    /// The first line that git answers, if it does.
    async fn ask(&self, folder: &Path, words: &[&str]) -> Result<Option<String>, RunnerError> {
        let mut answer = Answer(Vec::new());
        let status = self.execute(folder, words, &mut answer).await?;
        let answer = String::from_utf8_lossy(&answer.0);
        let line = answer.lines().next().filter(|line| !line.is_empty());
        Ok(line.filter(|_| status).map(str::to_owned))
    }

    async fn execute(
        &self,
        folder: &Path,
        words: &[&str],
        sink: &mut impl Sink,
    ) -> Result<bool, RunnerError> {
        let command = self.command(folder, words);
        match commands::run(&self.inner.spawner, command, None, sink).await {
            Ok(status) => Ok(status.success()),
            Err(Failed::Io(error)) if error.kind() == ErrorKind::NotFound => Err(permanent(
                "git is not installed, or not on the PATH of the server",
            )),
            Err(Failed::Io(error)) => Err(RunnerError::io("run", Path::new("git"), error)),
            Err(Failed::Left(error)) => Err(error),
        }
    }
}

fn detached(commit: Option<&str>) -> Vec<String> {
    [
        "checkout",
        "--force",
        "--detach",
        commit.unwrap_or_default(),
    ]
    .map(str::to_owned)
    .into()
}

/// An answer for the runner, not for the log.
struct Answer(Vec<u8>);

impl Sink for Answer {
    fn take(&mut self, bytes: &[u8]) {
        let left = MAX_ANSWER - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(left)]);
    }
}

/// What of git's last lines says why.
fn reason(said: &[String]) -> String {
    const SIGNS: &[&str] = &["fatal:", "error:", "remote:", "ssh:", "git@", "Host key"];
    let telling: Vec<&str> = said
        .iter()
        .map(String::as_str)
        .filter(|line| SIGNS.iter().any(|sign| line.starts_with(sign)))
        .collect();
    let lines = if telling.is_empty() {
        said.iter().map(String::as_str).collect()
    } else {
        telling
    };
    if lines.is_empty() {
        return "git gave no reason".to_owned();
    }
    lines[lines.len().saturating_sub(5)..].join("; ")
}
