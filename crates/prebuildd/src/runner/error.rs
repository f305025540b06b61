//! Why an environment could not be made or run, in words for a person who has nothing else.

use std::io;
use std::path::{Path, PathBuf};

use super::sandbox::SandboxUnavailable;

/// Why an environment could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The repository cannot be cloned.
    #[error("{message}")]
    Repository {
        /// What happened, and what git said.
        message: String,
        /// Whether another attempt may succeed: the network, the server of the repository.
        transient: bool,
    },
    /// The devcontainer configuration cannot be used: file, place and reason.
    #[error("{0}")]
    Devcontainer(String),
    /// A variable of the project cannot be given to a process.
    #[error("secret {0:?} cannot be an environment variable: {1}")]
    Variable(String, &'static str),
    /// A command failed.
    #[error("{command} of {file} {ending}")]
    Command {
        /// The command, such as `onCreateCommand` or `onCreateCommand (server)`.
        command: String,
        /// The file that it stands in.
        file: String,
        /// `ended with exit code 1`, `was ended by signal 9`.
        ending: String,
    },
    /// Processes that do not end although they were killed.
    #[error(
        "{count} processes of the environment do not end although they were killed, among them {example}: they probably wait for a disk or network file system"
    )]
    ProcessesLeft {
        /// How many.
        count: usize,
        /// The id of one of them.
        example: i32,
    },
    /// The sandbox cannot be used.
    #[error(transparent)]
    Sandbox(#[from] SandboxUnavailable),
    /// The machine refused: disk, permissions, processes.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl RunnerError {
    /// Whether another attempt may succeed without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Repository { transient, .. } => *transient,
            Self::Io { .. } | Self::ProcessesLeft { .. } => true,
            Self::Devcontainer(_)
            | Self::Variable(..)
            | Self::Command { .. }
            | Self::Sandbox(_) => false,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
