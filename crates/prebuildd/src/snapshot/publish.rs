//! Publishing: pack, upload, read back, and the manifest last.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::manifest::{ArchiveInfo, Description, FORMAT, Manifest};
use super::pack::{Packed, Roots, pack, weigh};
use super::pipe::{join, outlet};
use super::progress::Progress;
use super::unpack::{HOME, WORKSPACE};
use super::upload::Upload;
use super::{Contents, SnapshotError, Snapshots, failed, folder_path, manifest_path};

/// The percentages of a publish that reading back takes; packing takes those before.
const READING_BACK: (u8, u8) = (90, 99);

impl Snapshots {
    /// Packs an environment's folders, uploads the archive, reads it back and checks it as a
    /// restore would, and then publishes it by its manifest. Nothing may write to the folders
    /// meanwhile.
    ///
    /// `progress` is told the percentage, 0 to 100, each time that it grows; 100 when the snapshot
    /// is published. It is called from several threads, never at the same time.
    ///
    /// An earlier snapshot of the same prebuild stays until the new one is published. When this
    /// fails or its future is dropped, what it has written is removed again, unless the manifest
    /// was already on its way: then it is finished, so that a manifest never lacks its archive.
    ///
    /// # Errors
    /// [`SnapshotError::Pack`] when the folders cannot be read, [`SnapshotError::Store`] when the
    /// store fails, [`SnapshotError::Damaged`] when the store gives back something else than it
    /// was given.
    pub async fn publish(
        &self,
        description: &Description,
        contents: &Contents<'_>,
        progress: impl Fn(u8) + Send + Sync + 'static,
    ) -> Result<Manifest, SnapshotError> {
        let progress = Arc::new(Progress::new(Box::new(progress)));
        let mut roots: Roots = vec![(WORKSPACE, contents.workspace.to_owned())];
        roots.extend(contents.home.map(|home| (HOME, home.to_owned())));
        let roots = Arc::new(roots);
        let cancel = CancellationToken::new();
        let _cancel_when_dropped = cancel.clone().drop_guard();

        let weight = {
            let (roots, cancel) = (roots.clone(), cancel.clone());
            join(spawn_blocking(move || weigh(&roots, &cancel)))
                .await
                .ok_or(SnapshotError::Stopped)??
        };
        let attempt = format!("{}.tar.zst", Uuid::now_v7().simple());
        let path = folder_path(description.prebuild_id).join(attempt);
        let mut upload = Upload::new(self.store.clone(), path, weight);
        let manifest = match self
            .upload_verified(
                description,
                &roots,
                weight,
                &mut upload,
                &cancel,
                progress.clone(),
            )
            .await
        {
            Ok(manifest) => manifest,
            Err(error) => {
                upload.discard().await;
                return Err(error);
            }
        };
        // A task of its own: a store may well finish a write whose future was dropped.
        let publication = publish_manifest(self.clone(), manifest, upload);
        let manifest = join(tokio::spawn(publication))
            .await
            .ok_or(SnapshotError::Stopped)??;
        progress.set(100);
        Ok(manifest)
    }

    async fn upload_verified(
        &self,
        description: &Description,
        roots: &Arc<Roots>,
        weight: u64,
        upload: &mut Upload,
        cancel: &CancellationToken,
        progress: Arc<Progress>,
    ) -> Result<Manifest, SnapshotError> {
        let (outlet, mut chunks) = outlet();
        let packing = {
            let (roots, cancel, progress) = (roots.clone(), cancel.clone(), progress.clone());
            spawn_blocking(move || pack(&roots, weight, outlet, &cancel, &progress))
        };
        let mut uploaded = Ok(());
        while let Some(chunk) = chunks.recv().await {
            uploaded = upload.push(chunk).await;
            if uploaded.is_err() {
                break;
            }
        }
        drop(chunks);
        // Waited for even so: the caller may remove the folders as soon as this returns.
        let packed = join(packing).await.ok_or(SnapshotError::Stopped)?;
        uploaded?;
        let packed = packed?;
        upload.finish().await?;

        let manifest = describe(description, upload.path(), &packed, roots.len() > 1);
        self.read_back(&manifest, progress, READING_BACK).await?;
        Ok(manifest)
    }
}

fn describe(description: &Description, path: &Path, packed: &Packed, home: bool) -> Manifest {
    Manifest {
        format: FORMAT,
        description: description.clone(),
        archive: ArchiveInfo {
            path: path.to_string(),
            size_bytes: packed.size,
            blake3: packed.hash.to_hex().to_string(),
        },
        home,
        entries: packed.entries,
        unpacked_bytes: packed.unpacked_bytes,
        skipped_special_files: packed.skipped,
        changed_files: packed.changed,
    }
}

/// Puts the manifest, and then removes the archive of an earlier one.
async fn publish_manifest(
    snapshots: Snapshots,
    manifest: Manifest,
    upload: Upload,
) -> Result<Manifest, SnapshotError> {
    let prebuild_id = manifest.description.prebuild_id;
    let path = manifest_path(prebuild_id);
    // Whatever cannot be read here, the new manifest replaces.
    let earlier = snapshots.manifest(prebuild_id).await.ok().flatten();
    let json = manifest.to_json()?;
    if let Err(source) = snapshots.store.put(&path, PutPayload::from(json)).await {
        // The store may have done it all the same. Only our own manifest is taken back.
        match snapshots.manifest(prebuild_id).await {
            Ok(Some(found)) if found.archive.path != manifest.archive.path => {}
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => {
                if let Err(error) = snapshots.remove(&path).await {
                    // Then the archive has to stay: a manifest never lacks its archive.
                    tracing::warn!(%path, %error, "could not take a manifest back");
                    upload.keep();
                    return Err(error);
                }
            }
        }
        upload.discard().await;
        return Err(failed("write", &path)(source));
    }
    upload.keep();
    if let Some(earlier) = earlier
        && earlier.archive.path != manifest.archive.path
    {
        let path = Path::from(earlier.archive.path);
        if let Err(error) = snapshots.remove(&path).await {
            tracing::warn!(%path, %error, "could not remove a replaced snapshot");
        }
    }
    Ok(manifest)
}
