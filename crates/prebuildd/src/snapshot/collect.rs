//! Collecting what crashes and lost races have left in the store.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path as FolderPath;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use object_store::path::Path;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::pipe::join;
use super::{MANIFEST, ROOT, SnapshotError, Snapshots, failed, prebuild_of};

/// What a collection has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The objects, by their paths in the store.
    pub removed: Vec<String>,
    /// The room that they took.
    pub bytes: u64,
}

impl Snapshots {
    /// The prebuilds of which the store holds anything, in no order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prebuild_ids(&self) -> Result<Vec<Uuid>, SnapshotError> {
        let root = Path::from(ROOT);
        let listing = self
            .store
            .list_with_delimiter(Some(&root))
            .await
            .map_err(failed("list", &root))?;
        Ok(listing
            .common_prefixes
            .iter()
            .filter_map(|folder| Uuid::try_parse(folder.filename()?).ok())
            .collect())
    }

    /// Removes the snapshots of all prebuilds but those in `keep`, and of those in `keep` every
    /// archive that no manifest names.
    ///
    /// Objects younger than `grace` are left alone, because a publish may just be writing them: in
    /// this process, or in another one with the same store. No publish lasts longer than the
    /// longest timeout of a prebuild; zero is right only when nothing can be publishing.
    ///
    /// # Errors
    /// When the store fails; what was removed until then stays removed.
    pub async fn collect(
        &self,
        keep: &HashSet<Uuid>,
        grace: Duration,
    ) -> Result<Collected, SnapshotError> {
        let root = Path::from(ROOT);
        let youngest = Timestamp::now().as_second() - i64::try_from(grace.as_secs()).unwrap_or(0);
        let mut collected = Collected::default();
        let mut objects = self.store.list(Some(&root));
        while let Some(object) = objects.try_next().await.map_err(failed("list", &root))? {
            let Some(prebuild_id) = prebuild_of(&object.location) else {
                continue;
            };
            if object.last_modified.timestamp() > youngest {
                continue;
            }
            if keep.contains(&prebuild_id) {
                let is_manifest = object.location.filename() == Some(MANIFEST);
                let named = is_manifest
                    || self
                        .manifest(prebuild_id)
                        .await?
                        .is_some_and(|manifest| manifest.archive.path == object.location.as_ref());
                if named {
                    continue;
                }
            } else if object.location.filename() != Some(MANIFEST) {
                // Never an archive before the manifest that names it.
                self.remove(&super::manifest_path(prebuild_id)).await?;
            }
            self.remove(&object.location).await?;
            collected.bytes += object.size;
            collected.removed.push(object.location.to_string());
        }
        if let Some(folder) = &self.local {
            let folder = folder.join(ROOT);
            let swept = join(spawn_blocking({
                let folder = folder.clone();
                move || sweep(&folder, grace)
            }))
            .await
            .ok_or(SnapshotError::Stopped)?
            .map_err(|source| SnapshotError::Folder {
                path: folder,
                source,
            })?;
            collected.bytes += swept.bytes;
            collected.removed.extend(swept.removed);
        }
        Ok(collected)
    }
}

/// Removes the unfinished files of killed processes from a local store. The store gives them names
/// that end in `#` and a number, and hides them.
fn sweep(root: &FolderPath, grace: Duration) -> io::Result<Collected> {
    let mut swept = Collected::default();
    let now = SystemTime::now();
    for folder in entries(root)? {
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in entries(&folder.path())? {
            let name = file.file_name().to_string_lossy().into_owned();
            let unfinished = name.rsplit_once('#').is_some_and(|(_, number)| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            });
            let Ok(metadata) = file.metadata() else {
                continue;
            };
            let age = now.duration_since(metadata.modified()?).unwrap_or_default();
            if unfinished && metadata.is_file() && age >= grace {
                fs::remove_file(file.path())?;
                swept.bytes += metadata.len();
                let path = file.path();
                let shown = path.strip_prefix(root.parent().unwrap_or(root));
                swept
                    .removed
                    .push(shown.unwrap_or(&path).display().to_string());
            }
        }
        // Succeeds for an empty folder only.
        let _ = fs::remove_dir(folder.path());
    }
    Ok(swept)
}

/// What is in a folder; nothing when it is gone.
fn entries(folder: &FolderPath) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other?.collect(),
    }
}
