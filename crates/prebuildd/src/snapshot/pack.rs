//! Packing an environment's folders into an archive, on a blocking thread.
//!
//! A first walk counts, so that progress can be told; the second packs. Hard links stay hard links
//! within a root; between workspace and HOME they become two files, because either may be restored
//! without the other.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;
use zstd::stream::write::Encoder;

use super::PackError;
use super::member::{Kind, Member, Mtime, write_end, write_member, write_padding};
use super::pipe::Outlet;
use super::progress::Progress;
use super::walk::{Found, unreadable, walk};

/// zstd's own default: within a few per cent of level 6 on source trees, at three times the speed.
const LEVEL: i32 = 3;

/// Each worker holds about 20 MB.
const MAX_WORKERS: usize = 4;

/// How many files with further hard links are remembered at once. Beyond that, a link becomes a
/// file of its own.
const MAX_LINKED: usize = 128 * 1024;

/// What an entry without contents weighs in the progress, in bytes of contents.
const ENTRY_WEIGHT: u64 = 1024;

/// The percentages of a publish that packing takes.
const RANGE: (u8, u8) = (0, 90);

/// The roots of what is packed, with their names in the archive.
pub(super) type Roots = Vec<(&'static str, PathBuf)>;

/// What was packed.
pub(super) struct Packed {
    pub(super) size: u64,
    pub(super) hash: blake3::Hash,
    pub(super) entries: u64,
    pub(super) unpacked_bytes: u64,
    pub(super) skipped: u64,
    pub(super) changed: u64,
}

/// How much there is to pack: bytes of contents, and a constant per entry.
pub(super) fn weigh(roots: &Roots, cancel: &CancellationToken) -> Result<u64, PackError> {
    let mut weight = 0;
    for (prefix, root) in roots {
        walk(root, prefix, cancel, |found| {
            weight += weight_of(found);
            Ok(())
        })?;
    }
    Ok(weight)
}

fn weight_of(found: &Found<'_>) -> u64 {
    match FileType::from_raw_mode(found.stat.st_mode) {
        FileType::RegularFile => ENTRY_WEIGHT + u64::try_from(found.stat.st_size).unwrap_or(0),
        _ => ENTRY_WEIGHT,
    }
}

/// Packs `roots` into `outlet`.
pub(super) fn pack(
    roots: &Roots,
    weight: u64,
    outlet: Outlet,
    cancel: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Packed, PackError> {
    let mut encoder = Encoder::new(outlet, LEVEL).map_err(PackError::Compress)?;
    let workers = available_parallelism().map_or(1, |cores| cores.get().min(MAX_WORKERS));
    encoder
        .multithread(workers as u32)
        .and_then(|()| encoder.include_checksum(true))
        .map_err(PackError::Compress)?;
    let mut packer = Packer {
        out: BufWriter::with_capacity(256 * 1024, encoder),
        buffer: vec![0; 256 * 1024],
        linked: HashMap::new(),
        entries: 0,
        unpacked_bytes: 0,
        skipped: 0,
        changed: 0,
    };
    let mut done = 0;
    for (prefix, root) in roots {
        packer.linked.clear();
        packer.changed += walk(root, prefix, cancel, |found| {
            packer.add(found, cancel)?;
            done += weight_of(found);
            progress.part(RANGE, done, weight);
            Ok(())
        })?;
    }
    write_end(&mut packer.out).map_err(not_written)?;
    let (size, hash) = packer
        .out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(Encoder::finish)
        .and_then(Outlet::finish)
        .map_err(not_written)?;
    Ok(Packed {
        size,
        hash,
        entries: packer.entries,
        unpacked_bytes: packer.unpacked_bytes,
        skipped: packer.skipped,
        changed: packer.changed,
    })
}

struct Packer {
    out: BufWriter<Encoder<'static, Outlet>>,
    buffer: Vec<u8>,
    /// Files of this root that have further links: device and inode to path and links to come.
    linked: HashMap<(u64, u64), (Vec<u8>, usize)>,
    entries: u64,
    unpacked_bytes: u64,
    skipped: u64,
    changed: u64,
}

impl Packer {
    fn add(&mut self, found: &Found<'_>, cancel: &CancellationToken) -> Result<(), PackError> {
        match FileType::from_raw_mode(found.stat.st_mode) {
            FileType::Directory => self.header(found, Kind::Folder),
            FileType::RegularFile => self.file(found, cancel),
            FileType::Symlink => match readlinkat(found.parent, found.name, Vec::new()) {
                Ok(target) => self.header(found, Kind::Symlink(target.into_bytes())),
                Err(error) => self.missed(found, error),
            },
            _ => {
                self.skipped += 1;
                Ok(())
            }
        }
    }

    fn file(&mut self, found: &Found<'_>, cancel: &CancellationToken) -> Result<(), PackError> {
        if let Some(target) = self.link_target(found) {
            return self.header(found, Kind::HardLink(target));
        }
        // Not blocking: were it a pipe by now, opening it would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(found.parent, found.name, flags, Mode::empty())
            .and_then(|file| fstat(&file).map(|stat| (file, stat)));
        let (file, stat) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.missed(found, error),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.changed += 1;
            return Ok(());
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.header(
            &Found {
                stat: &stat,
                ..*found
            },
            Kind::File(size),
        )?;
        self.contents(found, File::from(file), size, cancel)?;
        if stat.st_nlink > 1 && self.linked.len() < MAX_LINKED {
            let key = (stat.st_dev, stat.st_ino);
            let further = usize::try_from(stat.st_nlink).unwrap_or(usize::MAX) - 1;
            self.linked.insert(key, (found.path.to_vec(), further));
        }
        Ok(())
    }

    /// The path of the entry that this file is another link of.
    fn link_target(&mut self, found: &Found<'_>) -> Option<Vec<u8>> {
        if found.stat.st_nlink < 2 {
            return None;
        }
        let key = (found.stat.st_dev, found.stat.st_ino);
        let (target, further) = self.linked.get_mut(&key)?;
        *further -= 1;
        if *further == 0 {
            return self.linked.remove(&key).map(|(target, _)| target);
        }
        Some(target.clone())
    }

    /// Exactly `size` bytes, as the header promised: a file that has grown is cut, one that has
    /// shrunk gets zeros.
    fn contents(
        &mut self,
        found: &Found<'_>,
        mut file: File,
        size: u64,
        cancel: &CancellationToken,
    ) -> Result<(), PackError> {
        let mut remaining = size;
        while remaining > 0 {
            if cancel.is_cancelled() {
                return Err(PackError::Stopped);
            }
            let wanted = usize::try_from(remaining)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            let mut got = match file.read(&mut self.buffer[..wanted]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| unreadable(found.path, error))?,
            };
            if got == 0 {
                self.changed += 1;
                io::copy(&mut io::repeat(0).take(remaining), &mut self.out).map_err(not_written)?;
                break;
            }
            got = got.min(wanted);
            self.out
                .write_all(&self.buffer[..got])
                .map_err(not_written)?;
            remaining -= got as u64;
        }
        self.unpacked_bytes += size;
        write_padding(&mut self.out, size).map_err(not_written)
    }

    fn header(&mut self, found: &Found<'_>, kind: Kind) -> Result<(), PackError> {
        self.entries += 1;
        let member = Member {
            path: found.path.to_vec(),
            mode: found.stat.st_mode & 0o7777,
            mtime: Mtime {
                seconds: found.stat.st_mtime,
                nanos: u32::try_from(found.stat.st_mtime_nsec).unwrap_or(0),
            },
            kind,
        };
        write_member(&mut self.out, &member).map_err(not_written)
    }

    /// Something that was there a moment ago: gone or replaced is a change, the rest an error.
    fn missed(&mut self, found: &Found<'_>, error: Errno) -> Result<(), PackError> {
        match error {
            Errno::NOENT | Errno::LOOP | Errno::INVAL | Errno::NXIO => {
                self.changed += 1;
                Ok(())
            }
            error => Err(unreadable(found.path, error)),
        }
    }
}

/// An error of the writing side: nobody takes the archive any more, or the compressor failed.
fn not_written(error: io::Error) -> PackError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => PackError::Stopped,
        _ => PackError::Compress(error),
    }
}
