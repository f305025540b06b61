//! The manifest of a snapshot: what was packed, from where, and how to know that an archive is
//! that archive.
//!
//! It is the last object that a publish writes, so that its presence alone says: the archive was
//! read back and is whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SnapshotError;

/// The manifest format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What a snapshot was made of, as the caller of [`publish`](super::Snapshots::publish) knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The prebuild that the snapshot belongs to; one prebuild has at most one snapshot.
    pub prebuild_id: Uuid,
    /// The organization that may see it.
    pub organization_id: Uuid,
    /// The project that was prebuilt.
    pub project_id: Uuid,
    /// The environment class that it was prebuilt for.
    pub environment_class_id: Uuid,
    /// The environment whose folders were packed.
    pub environment_id: String,
    /// The name of the repository: inside the environment the workspace stood at
    /// `/workspaces/<repository_name>`.
    pub repository_name: String,
    /// The full id of the commit that was checked out.
    pub commit: String,
    /// Prebuilds with the same key are made from the same inputs.
    pub reuse_key: String,
    /// When packing began.
    pub created_at: Timestamp,
}

/// The archive that a manifest vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveInfo {
    /// Where it lies in the object store.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// The BLAKE3 hash of its bytes, 64 lower-case hexadecimal digits.
    pub blake3: String,
}

/// All that is known about a published snapshot; its JSON is the object `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// What the snapshot was made of.
    #[serde(flatten)]
    pub description: Description,
    /// The archive: a tar stream in zstd.
    pub archive: ArchiveInfo,
    /// Whether the archive holds the environment's HOME beside the workspace.
    pub home: bool,
    /// How many files, folders and links the archive holds, its one or two roots included. A
    /// restore refuses an archive with any other number.
    pub entries: u64,
    /// How many bytes of file contents the archive holds; a hard link has none of its own. A
    /// restore refuses an archive with any other number.
    pub unpacked_bytes: u64,
    /// How many sockets, pipes and devices were left out.
    pub skipped_special_files: u64,
    /// How many files disappeared or lost their end while they were packed. The lost end reads as
    /// zeros, as with other tar programs. Always 0 when nothing writes to the folders any more.
    pub changed_files: u64,
}

impl Manifest {
    /// Reads a manifest, wherever it came from.
    ///
    /// # Errors
    /// [`SnapshotError::InvalidManifest`] when it is not JSON of this shape, when its format is
    /// not [`FORMAT`], or when its hash is not one.
    pub fn from_json(json: &[u8]) -> Result<Self, SnapshotError> {
        /// Read first: another format may have any other shape.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let invalid = |error: serde_json::Error| SnapshotError::InvalidManifest(error.to_string());
        let Versioned { format } = serde_json::from_slice(json).map_err(invalid)?;
        if format != FORMAT {
            return Err(SnapshotError::InvalidManifest(format!(
                "its format is {format}, this version reads format {FORMAT}"
            )));
        }
        let manifest: Self = serde_json::from_slice(json).map_err(invalid)?;
        if blake3::Hash::from_hex(&manifest.archive.blake3).is_err() {
            return Err(SnapshotError::InvalidManifest(format!(
                "archive.blake3 {:?} is not 64 hexadecimal digits",
                manifest.archive.blake3
            )));
        }
        Ok(manifest)
    }

    /// The manifest as JSON.
    ///
    /// # Errors
    /// [`SnapshotError::InvalidManifest`] when a value has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, SnapshotError> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| SnapshotError::InvalidManifest(error.to_string()))
    }
}
