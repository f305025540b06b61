//! What can go wrong with a snapshot, by who has to act: the environment's owner (packing), the
//! operator of the store, or whoever handed us an archive that is not what its manifest says.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use uuid::Uuid;

/// Why a snapshot could not be published, found, verified or removed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The prebuild has no published snapshot.
    #[error("prebuild {0} has no snapshot; only a completed prebuild has one")]
    Missing(Uuid),
    /// The manifest is not one that this version can use.
    #[error("the snapshot's manifest cannot be used: {0}")]
    InvalidManifest(String),
    /// The environment's folders could not be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The archive in the store is not the one that was written.
    #[error("the snapshot's archive {path} is damaged: {source}")]
    Damaged {
        /// Where the archive lies in the object store.
        path: String,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// The object store did not do what was asked.
    #[error("the snapshot store could not {action} {path}: {source}")]
    Store {
        /// What was asked, as a verb.
        action: &'static str,
        /// The object it was asked for.
        path: String,
        /// What the store says.
        source: object_store::Error,
    },
    /// The folder of a local store cannot be used.
    #[error("the snapshot folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The process is shutting down.
    #[error("the work on the snapshot was stopped because the process is shutting down")]
    Stopped,
}

/// Why a folder could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder could not be read.
    #[error("{path} cannot be read into the snapshot: {source}")]
    Read {
        /// Its path as it would stand in the archive.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Folders lie too deep in each other.
    #[error("{path} lies more than {limit} folders deep; remove it before the prebuild ends")]
    TooDeep {
        /// Its path as it would stand in the archive.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// The compressor failed.
    #[error("the snapshot could not be compressed: {0}")]
    Compress(io::Error),
    /// Whoever asked for the archive is gone, or does not take it any more.
    #[error("packing was stopped")]
    Stopped,
}

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive could not be fetched.
    #[error("it could not be read: {0}")]
    Source(Box<dyn Error + Send + Sync>),
    /// The archive has another length than the manifest says.
    #[error("it has {found} bytes, the manifest says {expected}")]
    Size {
        /// The manifest's length.
        expected: u64,
        /// The length that was seen, at which reading stopped.
        found: u64,
    },
    /// The archive has other bytes than the manifest says.
    #[error("its BLAKE3 hash is {found}, the manifest says {expected}")]
    Hash {
        /// The manifest's hash.
        expected: String,
        /// The archive's hash.
        found: String,
    },
    /// The compressed stream is broken.
    #[error("it cannot be decompressed: {0}")]
    Compression(io::Error),
    /// The tar stream ends too early.
    #[error("it ends in the middle of an entry")]
    Truncated,
    /// A header of the tar stream is broken or of a kind that snapshots do not have.
    #[error("an entry's header is not one of a snapshot: {0}")]
    Header(String),
    /// A path would lead out of the folder that is restored, or is no path at all.
    #[error("the path {0:?} is not allowed in a snapshot")]
    Path(String),
    /// An entry is not where it belongs: its folder is not being restored just now.
    #[error("the entry {0:?} does not follow its folder")]
    Order(String),
    /// A hard link leads to something that is no file of this archive.
    #[error("{path:?} is a hard link to {target:?}, which is no file of this snapshot")]
    HardLink {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// An entry that a snapshot never has: a device, a pipe, a sparse file, …
    #[error("the entry {path:?} is of kind {kind:?}, which a snapshot never has")]
    Kind {
        /// The entry.
        path: String,
        /// The type byte of its header.
        kind: char,
    },
    /// The archive holds more or fewer entries than the manifest says.
    #[error("it holds {found} entries, the manifest says {expected}")]
    Entries {
        /// The manifest's number.
        expected: u64,
        /// The number at which reading stopped.
        found: u64,
    },
    /// The archive holds more or fewer bytes than the manifest says.
    #[error("it unpacks to {found} bytes, the manifest says {expected}")]
    Unpacked {
        /// The manifest's number.
        expected: u64,
        /// The number at which reading stopped.
        found: u64,
    },
    /// The archive and its manifest disagree about what the archive is of.
    #[error("it has no {0}, although the manifest says so")]
    Root(&'static str),
    /// Whoever asked for it is gone.
    #[error("reading it was stopped")]
    Stopped,
}

/// Why a snapshot could not be restored. Nothing is left behind in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The target is there and is not an empty folder.
    #[error("{} exists already; name a folder that does not exist or is empty", .0.display())]
    Occupied(PathBuf),
    /// The target cannot be made at that place.
    #[error("{} cannot be made: {source}; its parent must be a folder that you may write to", path.display())]
    Target {
        /// The target.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Workspace and HOME would stand in each other.
    #[error("{} and {} lie in each other; name two separate folders", workspace.display(), home.display())]
    Nested {
        /// Where the workspace should go.
        workspace: PathBuf,
        /// Where HOME should go.
        home: PathBuf,
    },
    /// HOME was asked for, and the snapshot has none.
    #[error("the snapshot holds no HOME folder; restore it without one")]
    NoHome,
    /// The archive is refused.
    #[error("the snapshot's archive is refused: {0}")]
    Archive(#[from] ArchiveError),
    /// A file or folder could not be written.
    #[error("{path} cannot be restored: {source}")]
    Write {
        /// Its path in the archive.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The process is shutting down.
    #[error("restoring was stopped because the process is shutting down")]
    Stopped,
}

impl From<io::Error> for ArchiveError {
    /// An error that came up through a reader: one of ours from the bottom, or the decompressor's.
    fn from(error: io::Error) -> Self {
        match error.downcast::<ArchiveError>() {
            Ok(ours) => ours,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            Err(error) => Self::Compression(error),
        }
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        Self::other(error)
    }
}
