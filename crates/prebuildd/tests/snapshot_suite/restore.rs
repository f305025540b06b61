//! Where a snapshot is restored to: all or nothing, and nothing of anybody else's.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use prebuildd::snapshot::{Manifest, RestoreError, RestoreOptions, Snapshots, restore};
use tempfile::TempDir;

use crate::tree::{archive, names, publish, read_tree};

/// A published snapshot of a small workspace and HOME, and an empty folder `r` to restore in.
async fn published() -> (TempDir, Snapshots, Manifest) {
    let dir = tempfile::tempdir().unwrap();
    for path in ["w/a/b", "h/c", "r"] {
        fs::create_dir_all(dir.path().join(path)).unwrap();
    }
    fs::write(dir.path().join("w/a/file"), vec![3; 100_000]).unwrap();
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let (workspace, home) = (dir.path().join("w"), dir.path().join("h"));
    let manifest = publish(&snapshots, &workspace, Some(&home)).await;
    (dir, snapshots, manifest)
}

fn with_home(home: &Path) -> RestoreOptions {
    RestoreOptions {
        home: Some(home.to_owned()),
        progress: None,
    }
}

#[tokio::test]
async fn a_target_that_is_taken_is_not_touched() {
    let (dir, snapshots, manifest) = published().await;
    let at = |name: &str| dir.path().join("r").join(name);
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/mine"), "mine").unwrap();
    fs::write(at("file"), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    let before = read_tree(&dir.path().join("r"));
    let cases = [
        ("full", None, "exists already"),
        ("file", None, "exists already"),
        ("link", None, "exists already"),
        ("missing/into", None, "its parent must be a folder"),
        ("new", Some("full"), "exists already"),
        ("empty", Some("file"), "exists already"),
        ("new", Some("new"), "lie in each other"),
        ("new", Some("missing/home"), "its parent must be a folder"),
        ("empty", Some("empty/home"), "lie in each other"),
    ];
    for (into, home, refusal) in cases {
        let options = RestoreOptions {
            home: home.map(at),
            progress: None,
        };
        let bytes = archive(&snapshots, &manifest).await.bytes;
        let error = restore(bytes, &manifest, &at(into), options)
            .await
            .expect_err(into);
        assert!(
            error.to_string().contains(refusal),
            "{into} {home:?}: {error}"
        );
        assert_eq!(
            names(&dir.path().join("r")),
            ["empty", "file", "full", "link"]
        );
        assert_eq!(names(&at("empty")), [""; 0]);
    }
    let after = read_tree(&dir.path().join("r"));
    for path in ["full", "full/mine", "file", "link"] {
        assert_eq!(after.get(path.as_bytes()), before.get(path.as_bytes()));
    }

    let bytes = archive(&snapshots, &manifest).await.bytes;
    restore(bytes, &manifest, &at("empty"), with_home(&at("home")))
        .await
        .unwrap();
    assert_eq!(read_tree(&at("empty")), read_tree(&dir.path().join("w")));
    assert_eq!(read_tree(&at("home")), read_tree(&dir.path().join("h")));
}

#[tokio::test]
async fn a_target_taken_meanwhile_brings_both_folders_back() {
    let (dir, snapshots, manifest) = published().await;
    let (into, home) = (dir.path().join("r/into"), dir.path().join("r/home"));
    let bytes = archive(&snapshots, &manifest).await.bytes;
    let taken = home.clone();
    // When the archive has been read to its end, the checks on the targets are long past.
    let bytes = bytes.chain(
        stream::once(async move {
            fs::create_dir(&taken).unwrap();
            fs::write(taken.join("mine"), "mine").unwrap();
            Ok(Bytes::new())
        })
        .boxed(),
    );
    fs::create_dir(&into).unwrap();
    // The thread that fills the folders began before the archive was read: wait for its folders.
    let begun = stream::once({
        let folder = dir.path().join("r");
        async move {
            while names(&folder).len() < 3 {
                tokio::task::yield_now().await;
            }
            Ok(Bytes::new())
        }
    });
    let error = restore(begun.chain(bytes), &manifest, &into, with_home(&home))
        .await
        .unwrap_err();
    assert!(
        matches!(error, RestoreError::Occupied(ref path) if path.ends_with("r/home")),
        "{error}"
    );
    assert_eq!(names(&dir.path().join("r")), ["home", "into"]);
    assert_eq!(names(&home), ["mine"]);
    assert_eq!(names(&into), [""; 0]);
}

#[tokio::test]
async fn home_is_refused_when_the_snapshot_has_none() {
    let (dir, snapshots, _) = published().await;
    let manifest = publish(&snapshots, &dir.path().join("w"), None).await;
    let bytes = archive(&snapshots, &manifest).await.bytes;
    let (into, home) = (dir.path().join("r/into"), dir.path().join("r/home"));
    let error = restore(bytes, &manifest, &into, with_home(&home))
        .await
        .unwrap_err();
    assert!(matches!(error, RestoreError::NoHome), "{error}");
    assert_eq!(names(&dir.path().join("r")), [""; 0]);
}

#[tokio::test]
async fn a_broken_download_or_a_dropped_restore_leaves_nothing() {
    let (dir, snapshots, manifest) = published().await;
    let folder = dir.path().join("r");
    let into = folder.join("into");
    let whole = archive(&snapshots, &manifest).await.bytes;
    let whole = whole.try_fold(Vec::new(), async |mut all, next| {
        all.extend_from_slice(&next);
        Ok(all)
    });
    let half = Bytes::from(whole.await.unwrap()).split_to(100);

    let broken = stream::iter([Ok(half.clone()), Err("connection reset")]);
    let error = restore(broken, &manifest, &into, RestoreOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("connection reset"), "{error}");
    assert_eq!(names(&folder), [""; 0]);

    let stalled = stream::iter([Ok::<_, Infallible>(half)]).chain(stream::pending());
    let restoring = restore(stalled, &manifest, &into, RestoreOptions::default());
    let begun = async {
        while names(&folder).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = restoring => panic!("there is no more to restore from"),
        () = begun => {}
    }
    // The thread removes its folder as soon as it notices.
    while !names(&folder).is_empty() {
        tokio::task::yield_now().await;
    }
}
