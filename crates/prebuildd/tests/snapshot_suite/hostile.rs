//! Archives that somebody made by hand: each is refused, by name, and leaves nothing behind.

use std::convert::Infallible;
use std::fs;

use bytes::Bytes;
use futures_util::stream;
use prebuildd::snapshot::{
    ArchiveError, ArchiveInfo, FORMAT, Manifest, RestoreError, RestoreOptions, restore,
};
use tar::{EntryType, Header};

use crate::tree::{description, names};

/// Writes an entry with exactly these bytes in its header.
fn entry(kind: u8, path: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..path.len()].copy_from_slice(path.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(EntryType::new(kind));
    header.set_size(data.len() as u64);
    header.set_mode(0o6755);
    header.set_mtime(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const SYMLINK: u8 = b'2';
const FOLDER: u8 = b'5';

fn root() -> Vec<u8> {
    entry(FOLDER, "workspace/", "", b"")
}

/// A whole archive with a manifest that is right about all of it.
fn pack(entries: &[Vec<u8>], bytes: u64) -> (Vec<u8>, Manifest) {
    let mut tar = entries.concat();
    tar.resize(tar.len() + 1024, 0);
    let archive = zstd::encode_all(tar.as_slice(), 1).unwrap();
    let manifest = Manifest {
        format: FORMAT,
        description: description(),
        archive: ArchiveInfo {
            path: "snapshots/x".to_owned(),
            size_bytes: archive.len() as u64,
            blake3: blake3::hash(&archive).to_string(),
        },
        home: false,
        entries: entries.len() as u64,
        unpacked_bytes: bytes,
        skipped_special_files: 0,
        changed_files: 0,
    };
    (archive, manifest)
}

/// Restores in a folder of its own; on failure, says that nothing is left there.
async fn attempt(archive: Vec<u8>, manifest: &Manifest) -> Result<fs::Metadata, RestoreError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("victim"), "untouched").unwrap();
    let into = dir.path().join("into");
    // Small chunks, so that chunk borders fall everywhere.
    let chunks = archive
        .chunks(7)
        .map(|c| Ok::<_, Infallible>(Bytes::copy_from_slice(c)));
    let chunks = stream::iter(chunks.collect::<Vec<_>>());
    let result = restore(chunks, manifest, &into, RestoreOptions::default()).await;
    assert_eq!(fs::read(dir.path().join("victim")).unwrap(), b"untouched");
    if let Err(error) = result {
        assert_eq!(names(dir.path()), ["victim"], "{error}");
        return Err(error);
    }
    assert_eq!(names(dir.path()), ["into", "victim"]);
    Ok(fs::symlink_metadata(into.join("f")).unwrap())
}

#[tokio::test]
async fn entries_that_would_lead_astray_are_refused() {
    let file = |path: &str| entry(FILE, path, "", b"data");
    let long_name = |name: &[u8]| entry(b'L', "././@LongLink", "", name);
    let pax = |record: &[u8]| entry(b'x', "x", "", record);
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        ("parent", vec![file("workspace/../victim")], "not allowed"),
        ("parent below", vec![file("workspace/..")], "not allowed"),
        ("absolute", vec![file("/victim")], "not allowed"),
        ("dot", vec![file("workspace/./f")], "not allowed"),
        ("double slash", vec![file("workspace//f")], "not allowed"),
        ("beside the root", vec![file("victim")], "not allowed"),
        ("the root again", vec![root()], "not allowed"),
        (
            "HOME that the manifest denies",
            vec![entry(FOLDER, "home/", "", b"")],
            "not allowed",
        ),
        (
            "parent in a long name",
            vec![long_name(b"workspace/../../victim\0"), file("f")],
            "not allowed",
        ),
        (
            "zero in a long name",
            vec![long_name(b"workspace/a\0b\0"), file("f")],
            "not allowed",
        ),
        (
            "through a symlink",
            vec![
                entry(SYMLINK, "workspace/out", "..", b""),
                file("workspace/out/victim"),
            ],
            "does not follow its folder",
        ),
        (
            "through an absolute symlink",
            vec![
                entry(SYMLINK, "workspace/out", "/tmp", b""),
                file("workspace/out/victim"),
            ],
            "does not follow its folder",
        ),
        (
            "over a symlink",
            vec![
                entry(SYMLINK, "workspace/f", "../victim", b""),
                file("workspace/f"),
            ],
            "cannot be restored",
        ),
        (
            "a folder over a symlink",
            vec![
                entry(SYMLINK, "workspace/f", "..", b""),
                entry(FOLDER, "workspace/f/", "", b""),
            ],
            "cannot be restored",
        ),
        (
            "twice",
            vec![file("workspace/f"), file("workspace/f")],
            "cannot be restored",
        ),
        (
            "folder not there",
            vec![file("workspace/a/f")],
            "does not follow its folder",
        ),
        (
            "hard link out",
            vec![entry(HARD_LINK, "workspace/f", "../victim", b"")],
            "hard link",
        ),
        (
            "hard link up",
            vec![entry(
                HARD_LINK,
                "workspace/f",
                "workspace/../../victim",
                b"",
            )],
            "hard link",
        ),
        (
            "absolute hard link",
            vec![entry(HARD_LINK, "workspace/f", "/etc/passwd", b"")],
            "hard link",
        ),
        (
            "hard link to nothing",
            vec![entry(HARD_LINK, "workspace/f", "workspace/g", b"")],
            "hard link",
        ),
        (
            "hard link through a symlink",
            vec![
                entry(SYMLINK, "workspace/out", "..", b""),
                entry(HARD_LINK, "workspace/f", "workspace/out/victim", b""),
            ],
            "hard link",
        ),
        (
            "hard link to a symlink",
            vec![
                entry(SYMLINK, "workspace/out", "../victim", b""),
                entry(HARD_LINK, "workspace/f", "workspace/out", b""),
            ],
            "hard link",
        ),
        (
            "character device",
            vec![entry(b'3', "workspace/f", "", b"")],
            "never has",
        ),
        (
            "block device",
            vec![entry(b'4', "workspace/f", "", b"")],
            "never has",
        ),
        (
            "pipe",
            vec![entry(b'6', "workspace/f", "", b"")],
            "never has",
        ),
        (
            "sparse file",
            vec![entry(b'S', "workspace/f", "", b"")],
            "never has",
        ),
        (
            "global pax header",
            vec![entry(b'g', "workspace/f", "", b"")],
            "never has",
        ),
        (
            "pax path",
            vec![pax(b"18 path=../victim\n"), file("workspace/f")],
            "pax record",
        ),
        (
            "pax size",
            vec![pax(b"10 size=9\n"), file("workspace/f")],
            "pax record",
        ),
        (
            "pax nonsense",
            vec![pax(b"15 mtime=1.2.3\n"), file("workspace/f")],
            "pax record",
        ),
        (
            "symlink with contents",
            vec![entry(SYMLINK, "workspace/f", "x", b"data")],
            "is no file",
        ),
        (
            "endless name",
            vec![long_name(&vec![b'n'; 1 << 20])],
            "the limit is",
        ),
        (
            "a name for nothing",
            vec![long_name(b"workspace/f\0")],
            "middle of an entry",
        ),
        ("no header", vec![vec![1; 512]], "header"),
    ];
    for (case, mut entries, refusal) in cases {
        entries.insert(0, root());
        let (archive, mut manifest) = pack(&entries, 1 << 30);
        manifest.entries = 1 << 20;
        let error = attempt(archive, &manifest).await.expect_err(case);
        assert!(error.to_string().contains(refusal), "{case}: {error}");
    }
}

#[tokio::test]
async fn an_honest_archive_loses_only_the_power_to_act_as_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (archive, manifest) = pack(&[root(), entry(FILE, "workspace/f", "", b"data")], 4);
    let file = attempt(archive, &manifest).await.unwrap();
    assert_eq!((file.len(), file.permissions().mode() & 0o7777), (4, 0o755));
}

#[tokio::test]
async fn an_archive_that_is_not_the_manifests_is_refused() {
    let entries = [root(), entry(FILE, "workspace/f", "", &[7; 4000])];
    let (archive, manifest) = pack(&entries, 4000);
    let attempt = async |archive: &[u8], change: fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        match attempt(archive.to_vec(), &manifest).await {
            Err(RestoreError::Archive(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    for length in 0..archive.len() {
        let error = attempt(&archive[..length], |_| ()).await;
        assert!(
            matches!(error, ArchiveError::Size { .. }),
            "{length}: {error}"
        );
    }
    // Any flipped bit is found by the decompressor, the tar reader or, at last, the hash.
    for at in 0..archive.len() {
        let mut flipped = archive.clone();
        flipped[at] ^= 1 << (at % 8);
        attempt(&flipped, |_| ()).await;
    }
    let longer = [archive.as_slice(), b"x"].concat();
    let error = attempt(&longer, |_| ()).await;
    assert!(matches!(error, ArchiveError::Size { .. }), "{error}");
    let error = attempt(&archive, |m| m.archive.blake3 = "0".repeat(64)).await;
    assert!(matches!(error, ArchiveError::Hash { .. }), "{error}");
    for bytes in [
        |m: &mut Manifest| m.unpacked_bytes -= 1,
        |m: &mut Manifest| m.unpacked_bytes += 1,
    ] {
        let error = attempt(&archive, bytes).await;
        assert!(matches!(error, ArchiveError::Unpacked { .. }), "{error}");
    }
    for entries in [
        |m: &mut Manifest| m.entries -= 1,
        |m: &mut Manifest| m.entries += 1,
    ] {
        let error = attempt(&archive, entries).await;
        assert!(matches!(error, ArchiveError::Entries { .. }), "{error}");
    }
    let error = attempt(&archive, |m| m.home = true).await;
    assert!(matches!(error, ArchiveError::Root("home")), "{error}");
}

#[tokio::test]
async fn folders_that_may_not_be_written_to_are_removed_too() {
    let mut read_only = Header::new_gnu();
    read_only.set_path("workspace/d/").unwrap();
    read_only.set_entry_type(EntryType::Directory);
    read_only.set_size(0);
    read_only.set_mode(0o555);
    read_only.set_mtime(0);
    read_only.set_cksum();
    let entries = [
        root(),
        read_only.as_bytes().to_vec(),
        entry(FILE, "workspace/d/file", "", b"data"),
        entry(FILE, "workspace/f", "", b"data"),
        entry(FILE, "workspace/f", "", b"data"),
    ];
    let (archive, manifest) = pack(&entries, 12);
    let error = attempt(archive, &manifest).await.unwrap_err();
    assert!(matches!(error, RestoreError::Write { .. }), "{error}");
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_unpacks() {
    // A gigabyte of zeros in a few kilobytes, announced as four bytes.
    let mut header = Header::new_gnu();
    header.set_path("workspace/f").unwrap();
    header.set_size(1 << 30);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = root();
    tar.extend_from_slice(header.as_bytes());
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    std::io::copy(&mut tar.as_slice(), &mut encoder).unwrap();
    let zeros = std::io::Read::take(std::io::repeat(0), 1 << 26);
    std::io::copy(&mut { zeros }, &mut encoder).unwrap();
    let archive = encoder.finish().unwrap();
    let (_, mut manifest) = pack(&[root(), root()], 4);
    manifest.archive.size_bytes = archive.len() as u64;
    manifest.archive.blake3 = blake3::hash(&archive).to_string();
    let error = attempt(archive, &manifest).await.unwrap_err();
    assert!(
        matches!(
            error,
            RestoreError::Archive(ArchiveError::Unpacked { expected: 4, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn bytes_behind_the_end_are_refused() {
    let mut end = vec![0; 1024];
    end.extend_from_slice(&[1; 512]);
    let (archive, mut manifest) = pack(&[root(), end], 0);
    manifest.entries = 1;
    let error = attempt(archive, &manifest).await.unwrap_err();
    assert!(error.to_string().contains("bytes after the end"), "{error}");
}
