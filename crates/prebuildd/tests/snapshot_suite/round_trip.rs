//! What was packed comes back, file for file.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use prebuildd::snapshot::{Contents, Manifest, RestoreOptions, Snapshots, restore};
use proptest::prelude::*;

use crate::tree::{archive, description, publish, read_tree};

#[tokio::test]
async fn workspace_and_home_come_back_file_for_file() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, home) = (dir.path().join("w"), dir.path().join("h"));
    fs::create_dir_all(workspace.join(".git/refs/empty")).unwrap();
    fs::create_dir_all(workspace.join("node_modules/.bin")).unwrap();
    fs::create_dir_all(home.join(".cargo/registry")).unwrap();
    let write = |path: &str, content: &[u8], mode: u32| {
        let path = workspace.join(path);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    write("empty", b"", 0o600);
    write("run.sh", b"#!/bin/sh\n", 0o755);
    write(".git/object", b"read only", 0o444);
    write("exactly one block", &[7; 512], 0o644);
    write(&"n".repeat(200), b"a long name", 0o644);
    write("new\nline", b"1", 0o644);
    let pseudo_random = (0..3_000_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect::<Vec<_>>();
    write("more than one part", &pseudo_random, 0o640);
    let no_utf8 = workspace.join(OsStr::from_bytes(b"\xff\xfe"));
    fs::create_dir(&no_utf8).unwrap();
    let deep = no_utf8.join(["d"; 60].join("/"));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("leaf"), "deep").unwrap();
    fs::hard_link(workspace.join("run.sh"), deep.join("linked")).unwrap();
    fs::hard_link(workspace.join("run.sh"), home.join("linked")).unwrap();
    fs::hard_link(home.join("linked"), home.join("linked twice")).unwrap();
    symlink("../run.sh", workspace.join("node_modules/.bin/run")).unwrap();
    symlink("/etc/passwd", workspace.join("absolute")).unwrap();
    symlink("nowhere", workspace.join("dangling")).unwrap();
    symlink("l".repeat(300), workspace.join("long target")).unwrap();
    symlink("no_utf8", workspace.join("no_utf8_link")).unwrap();
    fs::write(home.join(".cargo/registry/index"), "cache").unwrap();
    let _socket = UnixListener::bind(workspace.join("socket")).unwrap();
    for (path, age) in [("empty", 1_000_000_000_123), ("run.sh", 1)] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(age);
        set_time(&workspace.join(path), time);
    }
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_500_000_001);
    set_time(&workspace.join(".git/object"), before_1970);
    for (path, mode) in [(".git/refs", 0o555), ("node_modules", 0o1777), ("", 0o750)] {
        let path = workspace.join(path);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        set_time(&path, before_1970);
    }

    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let described = description();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    let contents = Contents {
        workspace: &workspace,
        home: Some(&home),
    };
    let manifest = snapshots
        .publish(&described, &contents, move |percent| {
            seen.lock().unwrap().push(percent);
        })
        .await
        .unwrap();
    let reports = reports.lock().unwrap().clone();
    assert_eq!((reports[0], reports[reports.len() - 1]), (0, 100));
    assert!(reports.is_sorted_by(|one, next| one < next), "{reports:?}");

    let prebuild_id = described.prebuild_id;
    assert_eq!(manifest.description, described);
    assert_eq!(
        (manifest.skipped_special_files, manifest.changed_files),
        (1, 0)
    );
    assert_eq!(
        snapshots.manifest(prebuild_id).await.unwrap().as_ref(),
        Some(&manifest)
    );
    assert_eq!(snapshots.verify(prebuild_id).await.unwrap(), manifest);
    let json = manifest.to_json().unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);

    let (into, home_into) = (dir.path().join("into"), dir.path().join("home-into"));
    let percents = Arc::new(Mutex::new(Vec::new()));
    let seen = percents.clone();
    let options = RestoreOptions {
        home: Some(home_into.clone()),
        progress: Some(Box::new(move |percent| seen.lock().unwrap().push(percent))),
    };
    let restored = restore(
        archive(&snapshots, &manifest).await.bytes,
        &manifest,
        &into,
        options,
    )
    .await
    .unwrap();
    fs::remove_file(workspace.join("socket")).unwrap();
    set_time(&workspace, before_1970);
    assert_eq!(read_tree(&into), read_tree(&workspace));
    assert_eq!(read_tree(&home_into), read_tree(&home));
    assert_eq!(restored.bytes, manifest.unpacked_bytes);
    assert_eq!(
        restored.files + restored.folders + restored.symlinks,
        manifest.entries
    );
    assert_eq!(percents.lock().unwrap().last(), Some(&100));

    // Without HOME, the workspace alone comes back, links that led into HOME or not.
    let alone = dir.path().join("alone");
    restore(
        archive(&snapshots, &manifest).await.bytes,
        &manifest,
        &alone,
        RestoreOptions::default(),
    )
    .await
    .unwrap();
    assert_eq!(read_tree(&alone), read_tree(&workspace));
}

fn set_time(path: &Path, time: SystemTime) {
    let file = File::open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[tokio::test]
async fn the_same_tree_gives_the_same_archive() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c/d"] {
        let path = dir.path().join("w").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let one = publish(&snapshots, &dir.path().join("w"), None).await;
    let other = publish(&snapshots, &dir.path().join("w"), None).await;
    assert_eq!(one.archive.blake3, other.archive.blake3);
}

#[tokio::test]
async fn other_tar_programs_read_the_archive() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("w");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("x".repeat(150)), "content").unwrap();
    symlink("y".repeat(150), workspace.join("link")).unwrap();
    let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
    let manifest = publish(&snapshots, &workspace, None).await;
    let file = File::open(dir.path().join("store").join(&manifest.archive.path)).unwrap();
    let into = dir.path().join("into");
    tar::Archive::new(zstd::Decoder::new(file).unwrap())
        .unpack(&into)
        .unwrap();
    let content = fs::read(into.join("workspace").join("x".repeat(150))).unwrap();
    assert_eq!(content, b"content");
    let target = fs::read_link(into.join("workspace/link")).unwrap();
    assert_eq!(target.to_str().unwrap(), "y".repeat(150));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_small_tree_comes_back(entries in prop::collection::vec(
        (
            prop::collection::vec("[a-c \\n]{1,3}", 1..5),
            prop::collection::vec(any::<u8>(), 0..1500),
            0_u32..0o1000,
            any::<i32>(),
            0_u8..4,
        ), 0..20))
    {
        let dir = tempfile::tempdir().unwrap();
        let workspace = dir.path().join("w");
        fs::create_dir(&workspace).unwrap();
        for (path, content, mode, seconds, kind) in entries {
            let path = workspace.join(path.join("/"));
            // Whatever is in the way already stays as it is.
            if fs::create_dir_all(path.parent().unwrap()).is_err() || path.symlink_metadata().is_ok() {
                continue;
            }
            match kind {
                0 => fs::create_dir(&path).unwrap(),
                1 => symlink(OsStr::from_bytes(b"\xfftarget"), &path).unwrap(),
                _ => {
                    fs::write(&path, &content).unwrap();
                    fs::set_permissions(&path, Permissions::from_mode(mode | 0o400)).unwrap();
                    let offset = Duration::from_nanos(u64::from(seconds.unsigned_abs()) * 1_000_003);
                    set_time(&path, match seconds < 0 {
                        true => SystemTime::UNIX_EPOCH - offset,
                        false => SystemTime::UNIX_EPOCH + offset,
                    });
                }
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let snapshots = Snapshots::local(dir.path().join("store")).unwrap();
            let manifest = publish(&snapshots, &workspace, None).await;
            let into = dir.path().join("into");
            let bytes = archive(&snapshots, &manifest).await.bytes;
            restore(bytes, &manifest, &into, RestoreOptions::default()).await.unwrap();
            assert_eq!(read_tree(&into), read_tree(&workspace));
        });
    }
}
