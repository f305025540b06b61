//! Publishing with stores that fail: a manifest stands only for an archive that can be restored.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use prebuildd::snapshot::{Contents, PackError, SnapshotError, Snapshots};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::tree::{archive, description, names, publish};

/// How a [`Faulty`] store goes wrong.
#[derive(Clone, Debug)]
enum Fault {
    /// The manifest is not written.
    RefuseManifest,
    /// The manifest is written, and the answer gets lost.
    LoseManifestAnswer,
    /// The archive is not written.
    RefuseArchive,
    /// The archive comes back with a flipped bit.
    CorruptArchive,
    /// The archive never comes back; the test is told when it is asked for.
    HangOnArchiveRead(Arc<Notify>),
}

/// A store in memory with a fault.
#[derive(Debug)]
struct Faulty {
    inner: Arc<InMemory>,
    fault: Fault,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.fault)
    }
}

fn refused() -> object_store::Error {
    object_store::Error::Generic {
        store: "faulty",
        source: "refused".into(),
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, data: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let manifest = at.filename() == Some("manifest.json");
        match self.fault {
            Fault::RefuseManifest if manifest => Err(refused()),
            Fault::RefuseArchive if !manifest => Err(refused()),
            Fault::LoseManifestAnswer if manifest => {
                self.inner.put_opts(at, data, opts).await?;
                Err(refused())
            }
            _ => self.inner.put_opts(at, data, opts).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let archive = at.as_ref().ends_with(".tar.zst") && !options.head;
        let mut found = self.inner.get_opts(at, options).await?;
        match &self.fault {
            Fault::HangOnArchiveRead(reached) if archive => {
                reached.notify_one();
                std::future::pending().await
            }
            Fault::CorruptArchive if archive => {
                let (meta, range) = (found.meta.clone(), found.range.clone());
                let attributes = std::mem::take(&mut found.attributes);
                let extensions = std::mem::take(&mut found.extensions);
                let mut bytes = found.bytes().await?.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                let stream = futures_util::stream::once(async move { Ok(Bytes::from(bytes)) });
                Ok(GetResult {
                    payload: object_store::GetResultPayload::Stream(Box::pin(stream)),
                    meta,
                    range,
                    attributes,
                    extensions,
                })
            }
            _ => Ok(found),
        }
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(
        &self,
        at: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn workspace() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("w")).unwrap();
    fs::write(dir.path().join("w/file"), vec![5; 10_000]).unwrap();
    dir
}

async fn objects(store: &InMemory) -> Vec<String> {
    use futures_util::TryStreamExt;
    let all = store
        .list(None)
        .map_ok(|object| object.location.to_string());
    all.try_collect().await.unwrap()
}

#[tokio::test]
async fn a_publish_that_fails_leaves_nothing() {
    let dir = workspace();
    let workspace = dir.path().join("w");
    let cases = [
        (Fault::RefuseManifest, "could not write snapshots/"),
        (Fault::LoseManifestAnswer, "could not write snapshots/"),
        (Fault::RefuseArchive, "could not write snapshots/"),
        (Fault::CorruptArchive, "is damaged"),
    ];
    for (fault, message) in cases {
        let inner = Arc::new(InMemory::new());
        let snapshots = Snapshots::new(Arc::new(Faulty {
            inner: inner.clone(),
            fault: fault.clone(),
        }));
        let contents = Contents {
            workspace: &workspace,
            home: None,
        };
        let described = description();
        let error = snapshots
            .publish(&described, &contents, |percent| assert!(percent < 100))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(message), "{fault:?}: {error}");
        assert_eq!(objects(&inner).await, [""; 0], "{fault:?}");

        // With an earlier snapshot in place, that one stays.
        let working = Snapshots::new(inner.clone());
        let earlier = working
            .publish(&described, &contents, |_| ())
            .await
            .unwrap();
        snapshots
            .publish(&described, &contents, |_| ())
            .await
            .unwrap_err();
        match fault {
            // Its manifest was replaced by ours, and ours taken back: none, rather than a wrong one.
            Fault::LoseManifestAnswer => {
                assert_eq!(working.manifest(described.prebuild_id).await.unwrap(), None);
            }
            _ => {
                let now = working.verify(described.prebuild_id).await.unwrap();
                assert_eq!(now, earlier, "{fault:?}");
                assert_eq!(objects(&inner).await.len(), 2, "{fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_publish_that_is_dropped_leaves_nothing() {
    let dir = workspace();
    let workspace = dir.path().join("w");
    let (inner, reached) = (Arc::new(InMemory::new()), Arc::new(Notify::new()));
    let snapshots = Snapshots::new(Arc::new(Faulty {
        inner: inner.clone(),
        fault: Fault::HangOnArchiveRead(reached.clone()),
    }));
    let contents = Contents {
        workspace: &workspace,
        home: None,
    };
    let described = description();
    tokio::select! {
        _ = snapshots.publish(&described, &contents, |_| ()) => panic!("the archive never comes back"),
        () = reached.notified() => assert_eq!(objects(&inner).await.len(), 1),
    }
    while !objects(&inner).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn publishing_again_replaces_the_snapshot() {
    let dir = workspace();
    let workspace = dir.path().join("w");
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let described = description();
    let contents = Contents {
        workspace: &workspace,
        home: None,
    };
    for round in 0..3 {
        fs::write(workspace.join("file"), round.to_string()).unwrap();
        let manifest = snapshots
            .publish(&described, &contents, |_| ())
            .await
            .unwrap();
        assert_eq!(
            snapshots.verify(described.prebuild_id).await.unwrap(),
            manifest
        );
        let folder = dir
            .path()
            .join("store/snapshots")
            .join(described.prebuild_id.to_string());
        assert_eq!(names(&folder).len(), 2);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_packed_says_which() {
    let dir = workspace();
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let deep = dir.path().join("w").join(["d"; 300].join("/"));
    fs::create_dir_all(deep).unwrap();
    for (folder, message) in [
        ("missing", "workspace cannot be read"),
        ("w", "more than 256 folders deep"),
    ] {
        let workspace = dir.path().join(folder);
        let contents = Contents {
            workspace: &workspace,
            home: None,
        };
        let error = snapshots
            .publish(&description(), &contents, |_| ())
            .await
            .unwrap_err();
        assert!(matches!(
            error,
            SnapshotError::Pack(PackError::Read { .. } | PackError::TooDeep { .. })
        ));
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(names(&dir.path().join("store")), [""; 0]);
}

#[tokio::test]
async fn deleting_is_idempotent() {
    let dir = workspace();
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let manifest = publish(&snapshots, &dir.path().join("w"), None).await;
    let id = manifest.description.prebuild_id;
    let other = publish(&snapshots, &dir.path().join("w"), None).await;
    for _ in 0..2 {
        snapshots.delete(id).await.unwrap();
        assert_eq!(snapshots.manifest(id).await.unwrap(), None);
        assert!(
            matches!(snapshots.verify(id).await, Err(SnapshotError::Missing(missing)) if missing == id)
        );
    }
    archive(&snapshots, &other).await;
    let other = other.description.prebuild_id;
    assert_eq!(
        names(&dir.path().join("store/snapshots")),
        [other.to_string()]
    );
    for _ in 0..2 {
        snapshots.delete(other).await.unwrap();
        assert_eq!(names(&dir.path().join("store")), [""; 0]);
    }
}

#[tokio::test]
async fn collecting_keeps_the_published_and_removes_the_rest() {
    let dir = workspace();
    let store = dir.path().join("store");
    let snapshots = Snapshots::local(&store).unwrap();
    let nothing = snapshots.collect(&HashSet::new(), Duration::ZERO).await;
    assert_eq!(nothing.unwrap().removed, [""; 0]);
    let kept = publish(&snapshots, &dir.path().join("w"), None).await;
    let unknown = publish(&snapshots, &dir.path().join("w"), None).await;
    let kept_folder = format!("snapshots/{}", kept.description.prebuild_id);
    // What a killed process leaves: an archive before its manifest, and half an upload.
    let orphan = format!("{kept_folder}/0.tar.zst");
    let half = format!("{kept_folder}/1.tar.zst#1");
    for path in [&orphan, &half] {
        fs::write(store.join(path), "half").unwrap();
    }
    fs::write(store.join("snapshots/README"), "not ours").unwrap();

    let keep = HashSet::from([kept.description.prebuild_id]);
    let young = snapshots
        .collect(&keep, Duration::from_secs(3600))
        .await
        .unwrap();
    assert_eq!(young.removed, [""; 0]);

    let mut collected = snapshots.collect(&keep, Duration::ZERO).await.unwrap();
    collected.removed.sort();
    let mut expected = vec![orphan, half, unknown.archive.path.clone()];
    expected.sort();
    collected
        .removed
        .retain(|path| !path.ends_with("manifest.json"));
    assert_eq!(collected.removed, expected);
    assert_eq!(
        snapshots
            .manifest(unknown.description.prebuild_id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        snapshots
            .verify(kept.description.prebuild_id)
            .await
            .unwrap(),
        kept
    );
    assert_eq!(
        names(&store.join("snapshots")),
        [
            kept.description.prebuild_id.to_string(),
            "README".to_owned()
        ]
    );
    assert_eq!(
        snapshots
            .collect(&keep, Duration::ZERO)
            .await
            .unwrap()
            .removed,
        [""; 0]
    );
}

#[tokio::test]
async fn a_damaged_archive_does_not_verify() {
    let dir = workspace();
    let store = dir.path().join("store");
    let snapshots = Snapshots::local(&store).unwrap();
    let manifest = publish(&snapshots, &dir.path().join("w"), None).await;
    let (id, path) = (
        manifest.description.prebuild_id,
        store.join(&manifest.archive.path),
    );
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[20] ^= 4;
    let longer = [whole.as_slice(), b"x"].concat();
    for bytes in [&whole[..whole.len() - 1], &flipped, &longer] {
        fs::write(&path, bytes).unwrap();
        let error = snapshots.verify(id).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let error = snapshots.verify(id).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
    fs::write(&path, &whole).unwrap();
    snapshots.verify(id).await.unwrap();
}
