//! The folder of an environment, what is known about it, and how it goes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EnvironmentRequest;
use super::devcontainer::{self, Devcontainer};
use super::error::RunnerError;
use crate::domain::source::Source;

/// The file in an environment's folder that says what it is.
const RECORD: &str = "environment.json";
/// What the folder is called while it is deleted.
const REMOVING: &str = "removing";

/// How many variables a project or a devcontainer file may set.
pub(super) const MAX_VARIABLES: usize = 1000;
/// How many bytes the variables may have together.
pub(super) const MAX_VARIABLE_BYTES: usize = 1024 * 1024;

/// A clone that is ready for its commands.
#[derive(Clone)]
pub struct Environment {
    /// Its id.
    pub id: Uuid,
    /// The prebuild that it belongs to.
    pub prebuild_id: Uuid,
    /// What it was made from.
    pub source: Source,
    /// The name of the workspace in `/workspaces`.
    pub repository_name: String,
    /// The checkout on this machine.
    pub workspace: PathBuf,
    /// HOME of its commands on this machine.
    pub home: PathBuf,
    /// The id of the commit that is checked out; empty for a repository without commits.
    pub commit: String,
    /// What could not be honoured, a sentence each.
    pub warnings: Vec<String>,
    /// The same for the same commit and devcontainer configuration: 64 hexadecimal digits.
    pub reuse_key: String,
    pub(super) folder: PathBuf,
    /// Where its commands see the workspace.
    pub(super) workspace_inside: PathBuf,
    pub(super) devcontainer: Option<Devcontainer>,
    pub(super) secrets: Vec<(String, String)>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("id", &self.id)
            .field("prebuild_id", &self.prebuild_id)
            .field("source", &self.source)
            .field("commit", &self.commit)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// An environment without its paths, which follow from the folder, and its secrets.
#[derive(Serialize, Deserialize)]
struct Record {
    id: Uuid,
    prebuild_id: Uuid,
    source: Source,
    commit: String,
    warnings: Vec<String>,
    reuse_key: String,
    workspace_inside: PathBuf,
    devcontainer: Option<devcontainer::Record>,
}

impl Environment {
    /// Reads the devcontainer configuration of a fresh clone.
    pub(super) fn create(
        request: &EnvironmentRequest,
        folder: &Path,
        commit: String,
        workspace_inside: PathBuf,
    ) -> Result<Self, RunnerError> {
        let workspace = folder.join("workspace");
        let named = request.source.devcontainer_file_path.as_deref();
        let mut warnings = Vec::new();
        let devcontainer = Devcontainer::find(&workspace, named, &mut warnings)?
            .map(|path| Devcontainer::read(&workspace, path))
            .transpose()?;
        if let Some(devcontainer) = &devcontainer {
            let name = request.source.repository.name();
            devcontainer.warn(&name, &workspace_inside, &mut warnings);
        }
        devcontainer::warn_of_automations(&workspace, &mut warnings);
        let mut key = blake3::Hasher::new();
        key.update(commit.as_bytes());
        if let Some(devcontainer) = &devcontainer {
            // Neither a path nor a commit contains a NUL.
            key.update(&[0]).update(devcontainer.path.as_bytes());
            key.update(&[0]).update(devcontainer.resolved().as_bytes());
        }
        Ok(Self {
            id: request.environment_id,
            prebuild_id: request.prebuild_id,
            source: request.source.clone(),
            repository_name: request.source.repository.name(),
            workspace,
            home: folder.join("home"),
            commit,
            warnings,
            reuse_key: key.finalize().to_hex().to_string(),
            folder: folder.to_owned(),
            workspace_inside,
            devcontainer,
            secrets: request.env.clone(),
        })
    }

    /// The devcontainer file, relative to the workspace.
    #[must_use]
    pub fn devcontainer_path(&self) -> Option<&str> {
        self.devcontainer
            .as_ref()
            .map(|devcontainer| devcontainer.path.as_str())
    }

    /// Writes the record, whole or not at all.
    pub(super) async fn record(&self) -> Result<(), RunnerError> {
        let path = self.folder.join(RECORD);
        let write = async {
            let json = serde_json::to_vec_pretty(&Record {
                id: self.id,
                prebuild_id: self.prebuild_id,
                source: self.source.clone(),
                commit: self.commit.clone(),
                warnings: self.warnings.clone(),
                reuse_key: self.reuse_key.clone(),
                workspace_inside: self.workspace_inside.clone(),
                devcontainer: self.devcontainer.as_ref().map(Devcontainer::record),
            })?;
            let new = path.with_extension("new");
            tokio::fs::write(&new, json).await?;
            tokio::fs::rename(&new, &path).await
        };
        write
            .await
            .map_err(|e: io::Error| RunnerError::io("write", &path, e))
    }

    pub(super) async fn open(folder: &Path) -> Result<Option<Self>, RunnerError> {
        let path = folder.join(RECORD);
        let failed = |e| RunnerError::io("read", &path, e);
        let json = match tokio::fs::read(&path).await {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let record: Record = serde_json::from_slice(&json).map_err(|e| failed(e.into()))?;
        Ok(Some(Self {
            id: record.id,
            prebuild_id: record.prebuild_id,
            repository_name: record.source.repository.name(),
            source: record.source,
            workspace: folder.join("workspace"),
            home: folder.join("home"),
            commit: record.commit,
            warnings: record.warnings,
            reuse_key: record.reuse_key,
            folder: folder.to_owned(),
            workspace_inside: record.workspace_inside,
            devcontainer: record
                .devcontainer
                .map(Devcontainer::from_record)
                .transpose()?,
            secrets: Vec::new(),
        }))
    }
}

/// Why a name and value cannot be a variable of a process, if they cannot.
pub(super) fn variable_fault(name: &str, value: &str) -> Option<&'static str> {
    if name.is_empty() || name.contains(['=', '\0']) {
        Some("the name is empty or contains = or NUL")
    } else if value.contains('\0') {
        Some("the value contains NUL")
    } else if name.len() + value.len() > 128 * 1024 - 2 {
        Some("name and value are longer than 128 KiB")
    } else {
        None
    }
}

pub(super) fn check_variables(variables: &[(String, String)]) -> Result<(), RunnerError> {
    let mut bytes = 0;
    for (count, (name, value)) in variables.iter().enumerate() {
        bytes += name.len() + value.len();
        let fault = if count >= MAX_VARIABLES || bytes > MAX_VARIABLE_BYTES {
            Some("there are more than 1000 of them, or 1 MiB")
        } else {
            variable_fault(name, value)
        };
        if let Some(fault) = fault {
            return Err(RunnerError::Variable(name.clone(), fault));
        }
    }
    Ok(())
}

/// A folder that only the server's user may enter.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The ids whose folders, or remains of folders, are in `folder`.
pub(super) async fn list(folder: PathBuf) -> io::Result<Vec<Uuid>> {
    blocking(move || {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let name = name.strip_suffix(&format!(".{REMOVING}")).unwrap_or(name);
            ids.extend(Uuid::try_parse(name));
        }
        Ok(ids.into_iter().collect())
    })
    .await
}

/// Deletes a folder with all that is in it, whatever a stranger made of it: read-only folders,
/// paths that are longer than a path may be, nesting deeper than a stack. Goes on where an
/// interrupted deletion stopped. Symbolic links are removed, never followed.
pub(super) async fn delete_folder(folder: PathBuf) -> io::Result<()> {
    blocking(move || {
        let trash = folder.with_extension(REMOVING);
        match fs::symlink_metadata(&folder) {
            Ok(_) => {
                create_folder(&trash)?;
                make_writable(&folder)?;
                fs::rename(&folder, trash.join(Uuid::now_v7().to_string()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        unless_gone(empty(&trash).and_then(|()| fs::remove_dir(&trash)))
    })
    .await
}

/// Removes all that is in `trash`: folders inside of folders are moved up to it first, so that no
/// path has more than two parts below it. Somebody else may be doing the same.
fn empty(trash: &Path) -> io::Result<()> {
    loop {
        let mut found = false;
        for entry in fs::read_dir(trash)? {
            found = true;
            let entry = entry?;
            let path = entry.path();
            unless_gone(if entry.file_type()?.is_dir() {
                empty_one(trash, &path)
            } else {
                fs::remove_file(&path)
            })?;
        }
        if !found {
            return Ok(());
        }
    }
}

fn empty_one(trash: &Path, folder: &Path) -> io::Result<()> {
    make_writable(folder)?;
    for inner in fs::read_dir(folder)? {
        let inner = inner?;
        unless_gone(if inner.file_type()?.is_dir() {
            // A folder must be writable to be moved: its `..` changes.
            make_writable(&inner.path())
                .and_then(|()| fs::rename(inner.path(), trash.join(Uuid::now_v7().to_string())))
        } else {
            fs::remove_file(inner.path())
        })?;
    }
    match fs::remove_dir(folder) {
        // The listing skipped something while it was changed: the next round sees it.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => result,
    }
}

fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
