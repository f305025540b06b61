//! Snapshots of prebuilt environments: packed, published, verified, restored, removed.
//!
//! A snapshot is an archive (tar in zstd) and a manifest, in any store that `object_store` knows:
//!
//! ```text
//! snapshots/<prebuild id>/<attempt>.tar.zst    the workspace, and the environment's HOME
//! snapshots/<prebuild id>/manifest.json        written last; a snapshot exists if and only if this does
//! ```
//!
//! Each attempt at publishing writes an archive of its own name, reads it back through the very
//! checks of a restore, and only then puts the manifest that names it. So a crash at any moment
//! leaves a published snapshot as it was, and a second writer that believes it still owns the
//! prebuild cannot damage what the first has published. What a crash leaves behind, [`Snapshots::collect`]
//! removes.

use std::path::{Path as FolderPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

mod collect;
mod error;
mod manifest;
mod member;
mod pack;
mod pipe;
mod progress;
mod publish;
mod restore;
mod staging;
mod unpack;
mod upload;
mod walk;

pub use collect::Collected;
pub use error::{ArchiveError, PackError, RestoreError, SnapshotError};
pub use manifest::{ArchiveInfo, Description, FORMAT, Manifest};
pub use restore::{RestoreOptions, Restored, restore};

use pipe::feed;
use progress::Progress;
use unpack::{Discard, unpack};

/// How deep folders may lie in each other. Both directions hold one folder open per level.
const MAX_DEPTH: usize = 256;

/// The folder of all snapshots in the store.
const ROOT: &str = "snapshots";

/// The name of a manifest.
const MANIFEST: &str = "manifest.json";

/// The largest manifest that is read.
const MAX_MANIFEST: u64 = 1024 * 1024;

/// How much of an archive is fetched at once.
const FETCH: u64 = 4 * 1024 * 1024;

/// The two roots of an environment.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The folder with the checkout; `workspace/` in the archive.
    pub workspace: &'a FolderPath,
    /// The environment's HOME folder; `home/` in the archive.
    pub home: Option<&'a FolderPath>,
}

/// An archive to send to somebody.
pub struct Archive {
    /// What it is, and how long.
    pub manifest: Manifest,
    /// Its bytes, in chunks of a few MiB, fetched as they are asked for.
    pub bytes: BoxStream<'static, Result<Bytes, SnapshotError>>,
}

/// All snapshots of one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshots {
    store: Arc<dyn ObjectStore>,
    /// The store's folder, when it is a folder: crashed uploads there have names that the store
    /// itself does not list.
    local: Option<PathBuf>,
}

impl Snapshots {
    /// Snapshots in any store.
    ///
    /// In S3 and GCS a lifecycle rule should end multipart uploads after a day: those of a killed
    /// process are invisible to us.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, local: None }
    }

    /// Snapshots in a local folder, which is made when it does not exist. What is published there
    /// has reached the disk.
    ///
    /// # Errors
    /// [`SnapshotError::Folder`] when the folder cannot be made or used.
    pub fn local(folder: impl Into<PathBuf>) -> Result<Self, SnapshotError> {
        let path = folder.into();
        let unusable = |source| SnapshotError::Folder {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&path).map_err(unusable)?;
        let folder = std::fs::canonicalize(&path).map_err(unusable)?;
        let store = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| unusable(std::io::Error::other(error)))?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            local: Some(folder),
        })
    }

    /// The manifest of a prebuild's snapshot; `None` when it has none.
    ///
    /// # Errors
    /// When the store fails, or when the manifest is not one of this prebuild.
    pub async fn manifest(&self, prebuild_id: Uuid) -> Result<Option<Manifest>, SnapshotError> {
        let path = manifest_path(prebuild_id);
        let found = match self.store.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            other => other.map_err(failed("read", &path))?,
        };
        if found.meta.size > MAX_MANIFEST {
            return Err(SnapshotError::InvalidManifest(format!(
                "it has {} bytes, the limit is {MAX_MANIFEST}",
                found.meta.size
            )));
        }
        let json = found.bytes().await.map_err(failed("read", &path))?;
        let manifest = Manifest::from_json(&json)?;
        let archive = Path::from(manifest.archive.path.as_str());
        if manifest.description.prebuild_id != prebuild_id
            || prebuild_of(&archive) != Some(prebuild_id)
        {
            return Err(SnapshotError::InvalidManifest(format!(
                "{path} names prebuild {} and archive {archive}",
                manifest.description.prebuild_id
            )));
        }
        Ok(Some(manifest))
    }

    /// Reads a published snapshot through all the checks of a restore.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] when there is none, [`SnapshotError::Damaged`] when its archive
    /// could not be restored.
    pub async fn verify(&self, prebuild_id: Uuid) -> Result<Manifest, SnapshotError> {
        let manifest = self.existing_manifest(prebuild_id).await?;
        let progress = Arc::new(Progress::new(Box::new(|_| ())));
        self.read_back(&manifest, progress, (0, 100)).await?;
        Ok(manifest)
    }

    /// The archive of a prebuild's snapshot, to send it to somebody who restores it.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] when there is none, or when the store fails.
    pub async fn archive(&self, prebuild_id: Uuid) -> Result<Archive, SnapshotError> {
        let manifest = self.existing_manifest(prebuild_id).await?;
        let bytes = self.fetch(&manifest);
        Ok(Archive { manifest, bytes })
    }

    /// Removes a prebuild's snapshot, the manifest first; without one, all is well too.
    ///
    /// # Errors
    /// When the store fails; call it again.
    pub async fn delete(&self, prebuild_id: Uuid) -> Result<(), SnapshotError> {
        self.remove(&manifest_path(prebuild_id)).await?;
        let folder = folder_path(prebuild_id);
        let mut objects = self.store.list(Some(&folder));
        while let Some(object) = objects.try_next().await.map_err(failed("list", &folder))? {
            self.remove(&object.location).await?;
        }
        Ok(())
    }

    async fn existing_manifest(&self, prebuild_id: Uuid) -> Result<Manifest, SnapshotError> {
        self.manifest(prebuild_id)
            .await?
            .ok_or(SnapshotError::Missing(prebuild_id))
    }

    /// Reads an archive back and checks it against its manifest.
    async fn read_back(
        &self,
        manifest: &Manifest,
        progress: Arc<Progress>,
        range: (u8, u8),
    ) -> Result<(), SnapshotError> {
        let path = Path::from(manifest.archive.path.as_str());
        let damaged = |source| SnapshotError::Damaged {
            path: path.to_string(),
            source,
        };
        // Reading by ranges would not notice bytes behind the last.
        let found = match self.store.head(&path).await {
            Err(object_store::Error::NotFound { .. }) => 0,
            other => other.map_err(failed("read", &path))?.size,
        };
        let expected = manifest.archive.size_bytes;
        if found != expected {
            return Err(damaged(ArchiveError::Size { expected, found }));
        }
        let of = manifest.clone();
        let check = move |inlet| unpack(inlet, &of, &mut Discard::new());
        let archive = self.fetch(manifest);
        feed(archive, manifest.archive.clone(), (progress, range), check)
            .await
            .ok_or(SnapshotError::Stopped)?
            .map_err(|error| match error {
                ArchiveError::Source(source) => match source.downcast::<SnapshotError>() {
                    Ok(store) => *store,
                    Err(source) => damaged(ArchiveError::Source(source)),
                },
                error => damaged(error),
            })
    }

    /// The bytes of an archive, by ranges of a fixed size, one ahead of the reader.
    fn fetch(&self, manifest: &Manifest) -> BoxStream<'static, Result<Bytes, SnapshotError>> {
        let size = manifest.archive.size_bytes;
        let path = Path::from(manifest.archive.path.as_str());
        let store = self.store.clone();
        stream::iter((0..size.div_ceil(FETCH)).map(move |part| {
            let (store, path) = (store.clone(), path.clone());
            async move {
                let start = part * FETCH;
                let range = start..size.min(start + FETCH);
                let bytes = store.get_range(&path, range).await;
                bytes.map_err(failed("read", &path))
            }
        }))
        .buffered(2)
        .boxed()
    }

    async fn remove(&self, path: &Path) -> Result<(), SnapshotError> {
        match self.store.delete(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other.map_err(failed("remove", path)),
        }
    }
}

fn folder_path(prebuild_id: Uuid) -> Path {
    Path::from_iter([ROOT.to_owned(), prebuild_id.to_string()])
}

fn manifest_path(prebuild_id: Uuid) -> Path {
    folder_path(prebuild_id).join(MANIFEST)
}

/// The prebuild whose folder an object lies in.
fn prebuild_of(path: &Path) -> Option<Uuid> {
    let mut parts = path.parts();
    let (root, id, _name) = (parts.next()?, parts.next()?, parts.next()?);
    if root.as_ref() != ROOT || parts.next().is_some() {
        return None;
    }
    Uuid::try_parse(id.as_ref()).ok()
}

/// Makes the store's error one that says what was asked.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> SnapshotError {
    let path = path.to_string();
    move |source| SnapshotError::Store {
        action,
        path,
        source,
    }
}
