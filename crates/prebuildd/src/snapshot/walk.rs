//! A walk through a folder in the order in which an archive holds it: every folder before its
//! contents, names sorted by their bytes, so that the same tree always gives the same archive.
//!
//! Everything is opened relative to the folder that holds it and no symbolic link is followed, so
//! that a process which still runs cannot make the walk leave the tree. It holds the names of the
//! folders on the way to the current one, and nothing else.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::{MAX_DEPTH, PackError};

/// Something that the walk came by.
pub(super) struct Found<'a> {
    /// The folder that holds it.
    pub(super) parent: BorrowedFd<'a>,
    /// Its name there.
    pub(super) name: &'a CStr,
    /// Its path in the archive.
    pub(super) path: &'a [u8],
    /// What it is; of a symbolic link, the link itself.
    pub(super) stat: &'a Stat,
}

/// A folder whose contents are being visited.
struct Level {
    folder: OwnedFd,
    names: std::vec::IntoIter<CString>,
    path_length: usize,
}

/// Visits `root`, which stands at `prefix` in the archive, and all below it. Says how much was
/// there when its folder was read, and was gone when its turn came.
pub(super) fn walk(
    root: &Path,
    prefix: &str,
    cancel: &CancellationToken,
    mut visit: impl FnMut(&Found<'_>) -> Result<(), PackError>,
) -> Result<u64, PackError> {
    let mut path = prefix.as_bytes().to_vec();
    let opened = openat(
        CWD,
        root,
        FOLDER.difference(OFlags::NOFOLLOW),
        Mode::empty(),
    )
    .map_err(|error| unreadable(&path, error))?;
    let stat = fstat(&opened).map_err(|error| unreadable(&path, error))?;
    visit(&Found {
        parent: opened.as_fd(),
        name: c".",
        path: &path,
        stat: &stat,
    })?;
    let mut levels = vec![level(opened, &path)?];
    let mut vanished = 0;
    loop {
        let depth = levels.len();
        let Some(current) = levels.last_mut() else {
            return Ok(vanished);
        };
        let Some(name) = current.names.next() else {
            levels.pop();
            continue;
        };
        if cancel.is_cancelled() {
            return Err(PackError::Stopped);
        }
        path.truncate(current.path_length);
        path.push(b'/');
        path.extend_from_slice(name.to_bytes());
        let stat = match statat(&current.folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {
                vanished += 1;
                continue;
            }
            other => other.map_err(|error| unreadable(&path, error))?,
        };
        visit(&Found {
            parent: current.folder.as_fd(),
            name: &name,
            path: &path,
            stat: &stat,
        })?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            if depth == MAX_DEPTH {
                return Err(PackError::TooDeep {
                    path: path.escape_ascii().to_string(),
                    limit: MAX_DEPTH,
                });
            }
            let folder = openat(&current.folder, &name, FOLDER, Mode::empty())
                .map_err(|error| unreadable(&path, error))?;
            levels.push(level(folder, &path)?);
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn level(folder: OwnedFd, path: &[u8]) -> Result<Level, PackError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder).map_err(|error| unreadable(path, error))? {
        let entry = entry.map_err(|error| unreadable(path, error))?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(Level {
        folder,
        names: names.into_iter(),
        path_length: path.len(),
    })
}

/// The error for something that is there and cannot be read.
pub(super) fn unreadable(path: &[u8], error: impl Into<std::io::Error>) -> PackError {
    PackError::Read {
        path: path.escape_ascii().to_string(),
        source: error.into(),
    }
}
