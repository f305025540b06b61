//! A folder that is either there and whole, or not there: it is filled under another name beside
//! its place, and renamed.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::RestoreError;

/// A folder under construction. Dropping it before it is kept removes it.
pub(super) struct Staging {
    /// Where it is filled; in the same folder as `target`, so that a rename is all it takes.
    temporary: PathBuf,
    target: PathBuf,
    /// Whether an empty folder stood at `target`, which the rename replaces.
    replaces_empty: bool,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Filling,
    Renamed,
    Kept,
}

impl Staging {
    /// Begins a folder that shall stand at `target`, which must be free or an empty folder.
    pub(super) fn begin(target: &Path) -> Result<Self, RestoreError> {
        let refused = |source| RestoreError::Target {
            path: target.to_owned(),
            source,
        };
        let replaces_empty = match fs::symlink_metadata(target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(refused(error)),
            Ok(found) if found.is_dir() => {
                if fs::read_dir(target).map_err(refused)?.next().is_some() {
                    return Err(RestoreError::Occupied(target.to_owned()));
                }
                true
            }
            Ok(_) => return Err(RestoreError::Occupied(target.to_owned())),
        };
        let target = absolute(target, replaces_empty).map_err(refused)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(RestoreError::Occupied(target));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".restore-{}", Uuid::now_v7().simple()));
        let temporary = parent.join(hidden);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&temporary)
            .map_err(refused)?;
        Ok(Self {
            temporary,
            target,
            replaces_empty,
            state: State::Filling,
        })
    }

    /// Where to fill it.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Where it shall stand.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts it in its place, from which a drop still takes it back.
    pub(super) fn rename(&mut self) -> Result<(), RestoreError> {
        match fs::rename(&self.temporary, &self.target) {
            Ok(()) => {
                self.state = State::Renamed;
                Ok(())
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::AlreadyExists
                ) =>
            {
                Err(RestoreError::Occupied(self.target.clone()))
            }
            Err(source) => Err(RestoreError::Target {
                path: self.target.clone(),
                source,
            }),
        }
    }

    /// Leaves it where it is for good.
    pub(super) fn keep(mut self) {
        self.state = State::Kept;
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.state == State::Renamed {
            // First out of sight in one step, then away.
            if let Err(error) = fs::rename(&self.target, &self.temporary) {
                tracing::warn!(path = %self.target.display(), %error, "could not take a restored folder back");
                return;
            }
            if self.replaces_empty {
                let _ = fs::create_dir(&self.target);
            }
        }
        if self.state != State::Kept
            && let Err(error) = remove_tree(&self.temporary)
        {
            tracing::warn!(path = %self.temporary.display(), %error, "could not remove an unfinished restore");
        }
    }
}

/// The path without relative parts, so that it stays the same folder and has a name.
fn absolute(target: &Path, exists: bool) -> io::Result<PathBuf> {
    if exists {
        return fs::canonicalize(target);
    }
    let Some(name) = target.file_name() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(parent)?.join(name))
}

/// Removes a folder and all in it, folders that their owner may not write to included.
fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}
