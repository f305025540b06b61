//! Restoring a snapshot into folders, on a blocking thread: safe against hostile archives, and all
//! or nothing.
//!
//! Everything is made relative to an open folder of the restore's own, exclusively and without
//! following a link, under a temporary name that only its owner may enter. Permissions and times of
//! a folder are set when its last entry is in. Owners are not restored, nor are setuid and setgid
//! bits. The folders appear at their places by a rename, after the archive's size and hash have
//! been found right.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, fchmod, futimens, linkat, mkdirat,
    openat, statat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::member::{Member, Mtime};
use super::pipe::{Inlet, feed};
use super::progress::Progress;
use super::staging::Staging;
use super::unpack::{Sink, WORKSPACE, unpack};
use super::{ArchiveError, Manifest, RestoreError};

/// What a restore may be told beside its target.
#[derive(Default)]
pub struct RestoreOptions {
    /// Where the environment's HOME folder goes; left out, it is not restored.
    pub home: Option<PathBuf>,
    /// Told the percentage, 0 to 100, each time that it grows.
    pub progress: Option<Box<dyn Fn(u8) + Send + Sync>>,
}

/// What a restore has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many files, hard links among them.
    pub files: u64,
    /// How many folders, the roots included.
    pub folders: u64,
    /// How many symbolic links.
    pub symlinks: u64,
    /// How many bytes of file contents.
    pub bytes: u64,
}

/// Restores the workspace of a snapshot as the folder `into`, from the bytes of its archive, which
/// are checked against the manifest.
///
/// `into` (and HOME's target, if given) must not exist or be an empty folder; its parent must
/// exist. When this fails or its future is dropped, nothing is left behind.
///
/// # Errors
/// See [`RestoreError`]; each says what to do.
pub async fn restore<S, E>(
    archive: S,
    manifest: &Manifest,
    into: &Path,
    options: RestoreOptions,
) -> Result<Restored, RestoreError>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    if options.home.is_some() && !manifest.home {
        return Err(RestoreError::NoHome);
    }
    let report = options.progress.unwrap_or_else(|| Box::new(|_| ()));
    let progress = Arc::new(Progress::new(report));
    let (into, home, of) = (into.to_owned(), options.home, manifest.clone());
    let work = move |inlet| fill(inlet, &of, &into, home.as_deref());
    let reading = (progress.clone(), (0, 99));
    let mut tree = feed(archive, manifest.archive.clone(), reading, work)
        .await
        .ok_or(RestoreError::Stopped)??;
    // From here on nothing waits: a dropped future is dropped before or after, not in between.
    tree.workspace.rename()?;
    if let Some(home) = &mut tree.home {
        home.rename()?;
    }
    let restored = tree.restored;
    tree.workspace.keep();
    if let Some(home) = tree.home {
        home.keep();
    }
    progress.set(100);
    Ok(restored)
}

fn fill(
    inlet: Inlet,
    manifest: &Manifest,
    into: &Path,
    home: Option<&Path>,
) -> Result<Tree, RestoreError> {
    let workspace = Staging::begin(into)?;
    let home = home.map(Staging::begin).transpose()?;
    if let Some(home) = &home {
        let (one, other) = (workspace.target(), home.target());
        if one.starts_with(other) || other.starts_with(one) {
            return Err(RestoreError::Nested {
                workspace: one.to_owned(),
                home: other.to_owned(),
            });
        }
    }
    let mut tree = Tree {
        workspace,
        home,
        open: Vec::new(),
        skipping: false,
        buffer: vec![0; 128 * 1024],
        restored: Restored::default(),
    };
    unpack(inlet, manifest, &mut tree)?;
    Ok(tree)
}

/// The folders that are being filled.
struct Tree {
    workspace: Staging,
    home: Option<Staging>,
    /// The folders that the next entry may lie in, with what they get in the end.
    open: Vec<Folder>,
    /// Whether the current root is HOME and nobody wants it.
    skipping: bool,
    buffer: Vec<u8>,
    restored: Restored,
}

struct Folder {
    folder: OwnedFd,
    path: Vec<u8>,
    mode: Mode,
    mtime: Mtime,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Sink for Tree {
    type Error = RestoreError;

    fn enter(&mut self, name: &[u8], member: &Member, depth: usize) -> Result<(), RestoreError> {
        let failed = |error| unwritable(&member.path, error);
        let opened = if depth > 0 {
            let Some(parent) = self.parent() else {
                return Ok(());
            };
            mkdirat(&parent.folder, name, Mode::RWXU).map_err(failed)?;
            openat(&parent.folder, name, FOLDER, Mode::empty())
        } else {
            let staging = match name == WORKSPACE.as_bytes() {
                true => Some(&self.workspace),
                false => self.home.as_ref(),
            };
            self.skipping = staging.is_none();
            let Some(staging) = staging else {
                return Ok(());
            };
            openat(CWD, staging.path(), FOLDER, Mode::empty())
        };
        self.open.push(Folder {
            folder: opened.map_err(failed)?,
            path: member.path.clone(),
            mode: permissions(member),
            mtime: member.mtime,
        });
        self.restored.folders += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), RestoreError> {
        let Some(done) = self.open.pop() else {
            return Ok(());
        };
        futimens(&done.folder, &times(done.mtime))
            .and_then(|()| fchmod(&done.folder, done.mode))
            .map_err(|error| unwritable(&done.path, error))
    }

    fn file(
        &mut self,
        name: &[u8],
        member: &Member,
        contents: &mut dyn FnMut(&mut [u8]) -> Result<usize, ArchiveError>,
    ) -> Result<(), RestoreError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let failed = |error| unwritable(&member.path, error);
        // Of a root that nobody wants, the contents are checked all the same.
        let Some(parent) = self.parent() else {
            while contents(&mut buffer)? > 0 {}
            self.buffer = buffer;
            return Ok(());
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = openat(
            &parent.folder,
            name,
            flags | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )
        .map_err(failed)?;
        let mut file = File::from(file);
        loop {
            let length = contents(&mut buffer)?;
            if length == 0 {
                break;
            }
            file.write_all(&buffer[..length])
                .map_err(|source| RestoreError::Write {
                    path: member.path.escape_ascii().to_string(),
                    source,
                })?;
            self.restored.bytes += length as u64;
        }
        futimens(&file, &times(member.mtime))
            .and_then(|()| fchmod(&file, permissions(member)))
            .map_err(failed)?;
        self.buffer = buffer;
        self.restored.files += 1;
        Ok(())
    }

    fn symlink(&mut self, name: &[u8], link: &Member, target: &[u8]) -> Result<(), RestoreError> {
        let Some(parent) = self.parent() else {
            return Ok(());
        };
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        symlinkat(target, &parent.folder, name)
            .and_then(|()| utimensat(&parent.folder, name, &times(link.mtime), flags))
            .map_err(|error| unwritable(&link.path, error))?;
        self.restored.symlinks += 1;
        Ok(())
    }

    fn hard_link(&mut self, name: &[u8], link: &Member, target: &[u8]) -> Result<(), RestoreError> {
        let (Some(root), Some(parent)) = (self.open.first(), self.parent()) else {
            return Ok(());
        };
        let astray = |_: Errno| ArchiveError::HardLink {
            path: link.path.escape_ascii().to_string(),
            target: target.escape_ascii().to_string(),
        };
        // Folder by folder, so that no link on the way is followed.
        let mut folder: Option<OwnedFd> = None;
        let mut names = target.split(|byte| *byte == b'/').peekable();
        while let Some(step) = names.next() {
            let here = folder.as_ref().unwrap_or(&root.folder).as_fd();
            if names.peek().is_some() {
                folder = Some(openat(here, step, FOLDER, Mode::empty()).map_err(astray)?);
                continue;
            }
            let stat = statat(here, step, AtFlags::SYMLINK_NOFOLLOW).map_err(astray)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(astray(Errno::INVAL).into());
            }
            linkat(here, step, &parent.folder, name, AtFlags::empty())
                .map_err(|error| unwritable(&link.path, error))?;
        }
        self.restored.files += 1;
        Ok(())
    }
}

impl Tree {
    /// The folder that an entry goes into; none when its root is not wanted.
    fn parent(&self) -> Option<&Folder> {
        self.open.last().filter(|_| !self.skipping)
    }
}

/// What a restored file may keep of its mode: not the power to act as its owner.
fn permissions(member: &Member) -> Mode {
    Mode::from_raw_mode(member.mode & 0o1777)
}

fn times(mtime: Mtime) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.seconds,
        tv_nsec: i64::from(mtime.nanos),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn unwritable(path: &[u8], error: Errno) -> RestoreError {
    RestoreError::Write {
        path: path.escape_ascii().to_string(),
        source: error.into(),
    }
}
