//! The prebuild part of the devcontainer lifecycle: initializeCommand, onCreateCommand,
//! updateContentCommand, with the environment and the order that the specification gives them.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Inner;
use super::devcontainer::{CommandLine, Devcontainer, Entry, STAGES};
use super::environment::Environment;
use super::error::RunnerError;
use super::output::Prefixed;
use super::sandbox::SandboxMode;
use super::substitution::Variables;
use crate::logs::LogWriter;

pub(super) async fn run(
    inner: &Inner,
    environment: &Environment,
    log: &LogWriter,
) -> Result<(), RunnerError> {
    let Some(devcontainer) = &environment.devcontainer else {
        return Ok(());
    };
    let lifecycle = Lifecycle::new(inner, environment, devcontainer, log);
    for (stage, entries) in STAGES.into_iter().zip(&devcontainer.stages) {
        // All are awaited, whatever becomes of the others.
        let results = join_all(entries.iter().map(|entry| lifecycle.run(stage, entry))).await;
        results.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

struct Lifecycle<'a> {
    inner: &'a Inner,
    environment: &'a Environment,
    devcontainer: &'a Devcontainer,
    log: &'a LogWriter,
    local_env: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    id: String,
}

impl<'a> Lifecycle<'a> {
    fn new(
        inner: &'a Inner,
        environment: &'a Environment,
        devcontainer: &'a Devcontainer,
        log: &'a LogWriter,
    ) -> Self {
        let server = &inner.config.server_env;
        let local_env = inner
            .config
            .local_env
            .iter()
            .filter_map(|name| server.get_key_value(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let repository = environment.source.repository.as_str();
        let mut id = blake3::Hasher::new();
        id.update(repository.as_bytes())
            .update(&[0])
            .update(devcontainer.path.as_bytes());
        let mut id = id.finalize().to_hex().to_string();
        id.truncate(52);
        let mut lifecycle = Self {
            inner,
            environment,
            devcontainer,
            log,
            local_env,
            env: inner.base_env.clone(),
            id,
        };
        lifecycle.set_env();
        lifecycle
    }

    fn variables<'b>(
        &'b self,
        container_env: Option<&'b BTreeMap<String, String>>,
    ) -> Variables<'b> {
        Variables {
            local_env: &self.local_env,
            container_env,
            workspace: &self.environment.workspace_inside,
            id: &self.id,
        }
    }

    /// `containerEnv`, then `remoteEnv`, which may refer to it, then the project's secrets.
    fn set_env(&mut self) {
        if self.inner.config.sandbox == SandboxMode::None {
            let folder = &self.environment.folder;
            for (name, part) in [("HOME", "home"), ("TMPDIR", "tmp")] {
                let path = folder.join(part).to_string_lossy().into_owned();
                self.env.insert(name.to_owned(), path);
            }
        }
        let mut env = self.env.clone();
        for (name, value) in &self.devcontainer.container_env {
            let value = value.as_deref().unwrap_or_default();
            env.insert(name.clone(), self.variables(None).replace(value));
        }
        let container_env = env.clone();
        for (name, value) in &self.devcontainer.remote_env {
            match value {
                Some(value) => {
                    let value = self.variables(Some(&container_env)).replace(value);
                    env.insert(name.clone(), value);
                }
                None => {
                    env.remove(name);
                }
            }
        }
        env.extend(self.environment.secrets.iter().cloned());
        self.env = env;
    }

    async fn run(&self, stage: &str, entry: &Entry) -> Result<(), RunnerError> {
        let command = match &entry.name {
            Some(name) => format!("{stage} ({name})"),
            None => stage.to_owned(),
        };
        self.log.heading(&format!("{command}: {}", entry.command));
        let variables = self.variables(Some(&self.env));
        let words = match &entry.command {
            CommandLine::Shell(line) => {
                vec![
                    "/bin/sh".to_owned(),
                    "-c".to_owned(),
                    variables.replace(line),
                ]
            }
            CommandLine::Exec(words) => words.iter().map(|word| variables.replace(word)).collect(),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let started = Instant::now();
        let result = match &entry.name {
            Some(name) => {
                let mut sink = Prefixed::new(self.log, name);
                let result = self
                    .inner
                    .run_command(self.environment, &words, &self.env, &mut sink)
                    .await;
                sink.finish();
                result
            }
            None => {
                self.inner
                    .run_command(self.environment, &words, &self.env, &mut &*self.log)
                    .await
            }
        };
        let ending = match result {
            Ok(status) => ending(status),
            Err(RunnerError::Io { source, .. }) if names_no_program(&source) => Some(format!(
                "cannot be started: {} {source}",
                words.first().copied().unwrap_or_default()
            )),
            Err(error) => return Err(error),
        };
        let took = seconds(started.elapsed());
        match ending {
            None => {
                self.log
                    .line(&format!("{command} ended with exit code 0 after {took}"));
                Ok(())
            }
            Some(ending) => {
                let file = &self.devcontainer.path;
                self.log
                    .line(&format!("{command} of {file} {ending} after {took}"));
                Err(RunnerError::Command {
                    command,
                    file: file.clone(),
                    ending,
                })
            }
        }
    }
}

/// Whether starting a process failed because of what was to be started.
fn names_no_program(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::ArgumentListTooLong
            | io::ErrorKind::ExecutableFileBusy
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
    )
}

/// How a command ended, unless well.
fn ending(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(127), _) => Some("ended with exit code 127 (no such program)".to_owned()),
        (Some(code), _) => Some(format!("ended with exit code {code}")),
        (None, signal) => Some(format!("was ended by signal {}", signal.unwrap_or(0))),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
