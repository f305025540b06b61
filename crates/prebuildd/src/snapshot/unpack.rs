//! Unpacking an archive, with every check that a hostile one calls for, into whatever takes it: the
//! folders of a restore, or nothing at all when an archive is verified. One reader for both, so
//! that what verifies also restores.
//!
//! An entry must lie in the folder that the last entries opened, or in one of that folder's
//! parents. So the receiving side only ever names things relative to folders that it made itself
//! and still holds open, and there is no path for a link to divert.

use std::io::{BufReader, Read};

use zstd::stream::read::Decoder;

use super::member::{Kind, Member, MemberReader};
use super::pipe::Inlet;
use super::{ArchiveError, MAX_DEPTH, Manifest};

/// The name of the workspace in the archive.
pub(super) const WORKSPACE: &str = "workspace";

/// The name of the HOME folder in the archive.
pub(super) const HOME: &str = "home";

/// What takes the entries of an archive.
pub(super) trait Sink {
    /// Why it cannot take one.
    type Error: From<ArchiveError>;
    /// A folder begins; at depth 0 it is one of the two roots.
    fn enter(&mut self, name: &[u8], folder: &Member, depth: usize) -> Result<(), Self::Error>;
    /// The last folder that began ends.
    fn leave(&mut self) -> Result<(), Self::Error>;
    /// A file, whose contents `contents` reads.
    fn file(
        &mut self,
        name: &[u8],
        file: &Member,
        contents: &mut dyn FnMut(&mut [u8]) -> Result<usize, ArchiveError>,
    ) -> Result<(), Self::Error>;
    /// A symbolic link.
    fn symlink(&mut self, name: &[u8], link: &Member, target: &[u8]) -> Result<(), Self::Error>;
    /// A hard link to the file at `target`, a path below the root that is being unpacked.
    fn hard_link(&mut self, name: &[u8], link: &Member, target: &[u8]) -> Result<(), Self::Error>;
}

/// Unpacks the archive of `manifest` into `sink`.
pub(super) fn unpack<S: Sink>(
    archive: Inlet,
    manifest: &Manifest,
    sink: &mut S,
) -> Result<(), S::Error> {
    let decoder = Decoder::with_buffer(archive).map_err(ArchiveError::Compression)?;
    let input = BufReader::with_capacity(128 * 1024, decoder);
    Unpacking {
        members: MemberReader::new(input),
        current: Vec::new(),
        depth: 0,
        roots: Vec::new(),
        entries: 0,
        bytes: 0,
        manifest,
        sink,
    }
    .run()
}

struct Unpacking<'a, R, S> {
    members: MemberReader<R>,
    /// The path of the folder that the last entry opened or lay in; empty outside of the roots.
    current: Vec<u8>,
    depth: usize,
    roots: Vec<Vec<u8>>,
    entries: u64,
    bytes: u64,
    manifest: &'a Manifest,
    sink: &'a mut S,
}

impl<R: Read, S: Sink> Unpacking<'_, R, S> {
    fn run(mut self) -> Result<(), S::Error> {
        while let Some(member) = self.members.next()? {
            self.count(&member)?;
            self.take(&member)?;
        }
        while self.depth > 0 {
            self.leave()?;
        }
        let (expected, found) = (self.manifest.entries, self.entries);
        if found != expected {
            return Err(ArchiveError::Entries { expected, found }.into());
        }
        let (expected, found) = (self.manifest.unpacked_bytes, self.bytes);
        if found != expected {
            return Err(ArchiveError::Unpacked { expected, found }.into());
        }
        for (root, wanted) in [(WORKSPACE, true), (HOME, self.manifest.home)] {
            if wanted && !self.roots.iter().any(|seen| seen == root.as_bytes()) {
                return Err(ArchiveError::Root(root).into());
            }
        }
        Ok(())
    }

    /// Stops at the first entry and before the first byte too many.
    fn count(&mut self, member: &Member) -> Result<(), ArchiveError> {
        self.entries += 1;
        let (expected, found) = (self.manifest.entries, self.entries);
        if found > expected {
            return Err(ArchiveError::Entries { expected, found });
        }
        if let Kind::File(size) = member.kind {
            self.bytes = self.bytes.saturating_add(size);
            let (expected, found) = (self.manifest.unpacked_bytes, self.bytes);
            if found > expected {
                return Err(ArchiveError::Unpacked { expected, found });
            }
        }
        Ok(())
    }

    fn take(&mut self, member: &Member) -> Result<(), S::Error> {
        let (parent, name) = match member.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&member.path[..slash], &member.path[slash + 1..]),
            None => (&[][..], member.path.as_slice()),
        };
        if !is_name(name) {
            return Err(ArchiveError::Path(readable(&member.path)).into());
        }
        while self.current != parent {
            if self.depth == 0 {
                // A path that could not be in any folder deserves the plainer message.
                return Err(match member.path.split(|byte| *byte == b'/').all(is_name) {
                    true => ArchiveError::Order(readable(&member.path)),
                    false => ArchiveError::Path(readable(&member.path)),
                }
                .into());
            }
            self.leave()?;
        }
        if self.depth == 0 {
            self.check_root(member)?;
        }
        match &member.kind {
            Kind::Folder => {
                if self.depth == MAX_DEPTH {
                    return Err(ArchiveError::Path(readable(&member.path)).into());
                }
                self.sink.enter(name, member, self.depth)?;
                self.current.clone_from(&member.path);
                self.depth += 1;
                Ok(())
            }
            Kind::File(_) => {
                let members = &mut self.members;
                self.sink
                    .file(name, member, &mut |buffer| members.read(buffer))
            }
            Kind::Symlink(target) => {
                if target.is_empty() || target.contains(&0) {
                    return Err(ArchiveError::Path(readable(target)).into());
                }
                self.sink.symlink(name, member, target)
            }
            Kind::HardLink(target) => {
                let below = self.below_root(target).ok_or(ArchiveError::HardLink {
                    path: readable(&member.path),
                    target: readable(target),
                })?;
                self.sink.hard_link(name, member, below)
            }
        }
    }

    /// A root is a folder, has one of two names, and comes once.
    fn check_root(&mut self, member: &Member) -> Result<(), ArchiveError> {
        let path = &member.path;
        let known = path == WORKSPACE.as_bytes() || (self.manifest.home && path == HOME.as_bytes());
        if !known || member.kind != Kind::Folder || self.roots.contains(path) {
            return Err(ArchiveError::Path(readable(path)));
        }
        self.roots.push(path.clone());
        Ok(())
    }

    /// The part of a hard link's target below the current root.
    fn below_root<'t>(&self, target: &'t [u8]) -> Option<&'t [u8]> {
        let root = self.roots.last()?;
        let below = target.strip_prefix(root.as_slice())?.strip_prefix(b"/")?;
        below
            .split(|byte| *byte == b'/')
            .all(is_name)
            .then_some(below)
    }

    fn leave(&mut self) -> Result<(), S::Error> {
        let length = self.current.iter().rposition(|byte| *byte == b'/');
        self.current.truncate(length.unwrap_or(0));
        self.depth -= 1;
        self.sink.leave()
    }
}

/// Whether this can be the name of something in a folder.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&0)
}

fn readable(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

/// Takes everything and keeps nothing: for verifying.
pub(super) struct Discard(Box<[u8]>);

impl Discard {
    pub(super) fn new() -> Self {
        Self(vec![0; 128 * 1024].into())
    }
}

impl Sink for Discard {
    type Error = ArchiveError;

    fn enter(&mut self, _: &[u8], _: &Member, _: usize) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn leave(&mut self) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn file(
        &mut self,
        _: &[u8],
        _: &Member,
        contents: &mut dyn FnMut(&mut [u8]) -> Result<usize, ArchiveError>,
    ) -> Result<(), ArchiveError> {
        while contents(&mut self.0)? > 0 {}
        Ok(())
    }

    fn symlink(&mut self, _: &[u8], _: &Member, _: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn hard_link(&mut self, _: &[u8], _: &Member, _: &[u8]) -> Result<(), ArchiveError> {
        Ok(())
    }
}
