//! What the tests share: reading a tree for comparison, and describing a prebuild.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use prebuildd::snapshot::{Archive, Contents, Description, Manifest, Snapshots};
use uuid::Uuid;

/// All that a snapshot promises to keep of one file, folder or link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    mode: u32,
    mtime: (i64, i64),
    content: Vec<u8>,
    /// For files with several links: the first path, in order, of the same file.
    same_as: Option<Vec<u8>>,
}

/// A tree by path; the root is the empty path.
pub(crate) fn read_tree(root: &Path) -> BTreeMap<Vec<u8>, Node> {
    let mut paths = Vec::new();
    list(root, root, &mut paths);
    paths.sort();
    let mut first = BTreeMap::new();
    let mut tree = BTreeMap::new();
    for path in paths {
        let full = root.join(std::ffi::OsStr::from_bytes(&path));
        let meta = fs::symlink_metadata(&full).unwrap();
        let content = if meta.is_file() {
            fs::read(&full).unwrap()
        } else if meta.is_symlink() {
            fs::read_link(&full)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_vec()
        } else {
            Vec::new()
        };
        let same_as = (meta.is_file() && meta.nlink() > 1).then(|| {
            first
                .entry(meta.ino())
                .or_insert_with(|| path.clone())
                .clone()
        });
        let node = Node {
            mode: meta.mode(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            content,
            same_as,
        };
        tree.insert(path, node);
    }
    tree
}

fn list(root: &Path, path: &Path, paths: &mut Vec<Vec<u8>>) {
    let below = path.strip_prefix(root).unwrap();
    paths.push(below.as_os_str().as_bytes().to_vec());
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            list(root, &entry.unwrap().path(), paths);
        }
    }
}

pub(crate) fn description() -> Description {
    Description {
        prebuild_id: Uuid::now_v7(),
        organization_id: Uuid::now_v7(),
        project_id: Uuid::now_v7(),
        environment_class_id: Uuid::now_v7(),
        environment_id: "environment".to_owned(),
        repository_name: "repository".to_owned(),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        reuse_key: "key".to_owned(),
        created_at: "2026-01-02T03:04:05.678901234Z".parse().unwrap(),
    }
}

/// Publishes `workspace` under a new prebuild.
pub(crate) async fn publish(
    snapshots: &Snapshots,
    workspace: &Path,
    home: Option<&Path>,
) -> Manifest {
    let contents = Contents { workspace, home };
    snapshots
        .publish(&description(), &contents, |_| ())
        .await
        .unwrap()
}

pub(crate) async fn archive(snapshots: &Snapshots, manifest: &Manifest) -> Archive {
    snapshots
        .archive(manifest.description.prebuild_id)
        .await
        .unwrap()
}

/// The names in a folder, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    names
}
