//! The tar framing of a snapshot: headers out, headers in.
//!
//! Of tar's many dialects a snapshot uses one: GNU headers, `L` and `K` entries for names over 100
//! bytes (raw bytes, so that any name survives), and a pax record for the part of an mtime that
//! the header cannot hold. Every tar program reads that. The reader takes nothing else, and never
//! holds more than [`MAX_EXTENSION`] bytes of what an archive dictates.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::ArchiveError;

/// The size of a tar block.
const BLOCK: usize = 512;

/// The longest name or pax record that is read; Linux paths end at 4,096 bytes, but folders can
/// be nested beyond that.
const MAX_EXTENSION: u64 = 128 * 1024;

/// The largest time in seconds that fits eleven octal digits.
const MAX_HEADER_SECONDS: i64 = 0o777_7777_7777;

/// The name of the entries that carry long names, as GNU tar writes it.
const LONG_NAME: &[u8] = b"././@LongLink";

/// The name of the entries that carry pax records.
const PAX_NAME: &[u8] = b"././@PaxHeader";

/// A modification time: seconds since the epoch and the nanoseconds after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mtime {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

impl Mtime {
    /// As a pax record has it: decimal seconds with a sign and a fraction.
    fn to_pax(self) -> String {
        let (total, sign) = (
            i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos),
            if self.seconds < 0 { "-" } else { "" },
        );
        let total = total.unsigned_abs();
        format!(
            "{sign}{}.{:09}",
            total / 1_000_000_000,
            total % 1_000_000_000
        )
    }

    /// The reverse of [`to_pax`](Self::to_pax); `None` when it is no such number.
    fn from_pax(text: &str) -> Option<Self> {
        let (digits, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > 9 {
            return None;
        }
        let nanos = i128::from(format!("{fraction:0<9}").parse::<u32>().ok()?);
        let total = i128::from(whole.parse::<i64>().ok()?) * 1_000_000_000 + nanos;
        let total = if negative { -total } else { total };
        Some(Self {
            seconds: i64::try_from(total.div_euclid(1_000_000_000)).ok()?,
            nanos: u32::try_from(total.rem_euclid(1_000_000_000)).ok()?,
        })
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    /// A file with as many bytes after its header.
    File(u64),
    /// A symbolic link with its target, whatever that is.
    Symlink(Vec<u8>),
    /// A hard link to the path of an earlier entry.
    HardLink(Vec<u8>),
}

/// One entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path, without a slash at either end.
    pub(super) path: Vec<u8>,
    /// Permission bits, setuid, setgid and sticky included.
    pub(super) mode: u32,
    pub(super) mtime: Mtime,
    pub(super) kind: Kind,
}

/// Writes the headers of an entry; a file's contents and [`write_padding`] follow.
pub(super) fn write_member(out: &mut impl Write, member: &Member) -> io::Result<()> {
    let mtime = member.mtime;
    if mtime.nanos != 0 || !(0..=MAX_HEADER_SECONDS).contains(&mtime.seconds) {
        write_extension(out, EntryType::XHeader, PAX_NAME, &pax_record(mtime))?;
    }
    let mut header = Header::new_gnu();
    let (kind, size, link) = match &member.kind {
        Kind::Folder => (EntryType::Directory, 0, None),
        Kind::File(size) => (EntryType::Regular, *size, None),
        Kind::Symlink(target) => (EntryType::Symlink, 0, Some(target)),
        Kind::HardLink(target) => (EntryType::Link, 0, Some(target)),
    };
    if let Some(target) = link {
        if target.len() > 100 {
            write_extension(out, EntryType::GNULongLink, LONG_NAME, &terminated(target))?;
        }
        if let Some(gnu) = header.as_gnu_mut() {
            fill(&mut gnu.linkname, target);
        }
    }
    let slash: &[u8] = if kind == EntryType::Directory {
        b"/"
    } else {
        b""
    };
    let name = [member.path.as_slice(), slash].concat();
    if name.len() > 100 {
        write_extension(out, EntryType::GNULongName, LONG_NAME, &terminated(&name))?;
    }
    if let Some(gnu) = header.as_gnu_mut() {
        fill(&mut gnu.name, &name);
    }
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(member.mode);
    header.set_mtime(u64::try_from(mtime.seconds.clamp(0, MAX_HEADER_SECONDS)).unwrap_or(0));
    write_header(out, header)
}

/// Fills the last block of a file of `size` bytes.
pub(super) fn write_padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    out.write_all(&[0; BLOCK][..padding(size)])
}

/// Ends the archive: two blocks of zeros.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn write_extension(
    out: &mut impl Write,
    kind: EntryType,
    name: &[u8],
    data: &[u8],
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    if let Some(gnu) = header.as_gnu_mut() {
        fill(&mut gnu.name, name);
    }
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    write_header(out, header)?;
    out.write_all(data)?;
    write_padding(out, data.len() as u64)
}

fn write_header(out: &mut impl Write, mut header: Header) -> io::Result<()> {
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    out.write_all(header.as_bytes())
}

/// Copies as much of `name` as fits; the rest stands in an extension entry before.
fn fill(field: &mut [u8], name: &[u8]) {
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
}

fn terminated(name: &[u8]) -> Vec<u8> {
    [name, b"\0"].concat()
}

/// `<length> mtime=<seconds>\n`, where the length counts its own digits.
fn pax_record(mtime: Mtime) -> Vec<u8> {
    let rest = format!(" mtime={}\n", mtime.to_pax());
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

/// How many bytes are missing to a whole block.
fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// Reads the entries of an archive one after the other.
pub(super) struct MemberReader<R> {
    input: R,
    /// Bytes of the current file that were not read yet.
    remaining: u64,
    /// Bytes after them up to the next header.
    padding: usize,
}

impl<R: Read> MemberReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            remaining: 0,
            padding: 0,
        }
    }

    /// The next entry; `None` at the end, which is the end of the input too.
    pub(super) fn next(&mut self) -> Result<Option<Member>, ArchiveError> {
        self.skip_rest()?;
        let (mut long_name, mut long_link, mut mtime) = (None, None, None);
        loop {
            let Some(header) = self.header()? else {
                if long_name.is_some() || long_link.is_some() || mtime.is_some() {
                    return Err(ArchiveError::Truncated);
                }
                return Ok(None);
            };
            let size = header.entry_size().map_err(invalid)?;
            match header.entry_type() {
                EntryType::GNULongName => long_name = Some(self.name(size)?),
                EntryType::GNULongLink => long_link = Some(self.name(size)?),
                EntryType::XHeader => mtime = Some(self.pax_mtime(size)?),
                kind => {
                    let mut path = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
                    let link =
                        long_link.or_else(|| header.link_name_bytes().map(|l| l.into_owned()));
                    let kind = match (kind, link) {
                        (EntryType::Directory, None) => {
                            path.pop_if(|last| *last == b'/');
                            Kind::Folder
                        }
                        (EntryType::Regular, None) => Kind::File(size),
                        (EntryType::Symlink, Some(target)) => Kind::Symlink(target),
                        (EntryType::Link, Some(target)) => Kind::HardLink(target),
                        _ => {
                            return Err(ArchiveError::Kind {
                                path: path.escape_ascii().to_string(),
                                kind: char::from(kind.as_byte()),
                            });
                        }
                    };
                    match kind {
                        Kind::File(size) => {
                            self.remaining = size;
                            self.padding = padding(size);
                        }
                        _ if size != 0 => {
                            return Err(ArchiveError::Header(format!(
                                "{:?} has contents of {size} bytes, but is no file",
                                path.escape_ascii().to_string()
                            )));
                        }
                        _ => {}
                    }
                    let seconds = header.mtime().map_err(invalid)?;
                    return Ok(Some(Member {
                        path,
                        mode: header.mode().map_err(invalid)? & 0o7777,
                        mtime: mtime.unwrap_or(Mtime {
                            seconds: i64::try_from(seconds).map_err(invalid)?,
                            nanos: 0,
                        }),
                        kind,
                    }));
                }
            }
        }
    }

    /// Reads contents of the current file; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let wanted = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let got = self.input.read(&mut buffer[..wanted])?;
        if got == 0 {
            return Err(ArchiveError::Truncated);
        }
        self.remaining -= got as u64;
        Ok(got)
    }

    fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 16 * BLOCK];
        while self.read(&mut buffer)? > 0 {}
        self.input.read_exact(&mut buffer[..self.padding])?;
        self.padding = 0;
        Ok(())
    }

    /// The next header; `None` after the two blocks of zeros with nothing behind them.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut header = Header::new_old();
        self.input.read_exact(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            let mut rest = [0; BLOCK];
            self.input.read_exact(&mut rest)?;
            if rest.iter().any(|byte| *byte != 0) || self.input.read(&mut rest)? != 0 {
                return Err(ArchiveError::Header("bytes after the end".to_owned()));
            }
            return Ok(None);
        }
        let stated = header.cksum().map_err(invalid)?;
        let sum = header
            .as_bytes()
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u32::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum::<u32>();
        if stated != sum {
            return Err(ArchiveError::Header(format!(
                "its checksum is {sum}, it says {stated}"
            )));
        }
        Ok(Some(header))
    }

    /// The contents of an extension entry.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_EXTENSION {
            return Err(ArchiveError::Header(format!(
                "a name or record of {size} bytes, the limit is {MAX_EXTENSION}"
            )));
        }
        let mut data = vec![0; size as usize];
        self.input.read_exact(&mut data)?;
        let mut rest = [0; BLOCK];
        self.input.read_exact(&mut rest[..padding(size)])?;
        Ok(data)
    }

    fn name(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut name = self.extension(size)?;
        name.pop_if(|last| *last == 0);
        Ok(name)
    }

    fn pax_mtime(&mut self, size: u64) -> Result<Mtime, ArchiveError> {
        let data = self.extension(size)?;
        std::str::from_utf8(&data)
            .ok()
            .and_then(|text| text.strip_suffix('\n'))
            .and_then(|text| text.split_once(" mtime="))
            .filter(|(length, _)| *length == data.len().to_string())
            .and_then(|(_, value)| Mtime::from_pax(value))
            .ok_or_else(|| ArchiveError::Header("a pax record other than an mtime".to_owned()))
    }
}

fn invalid(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Header(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Kind, Member, MemberReader, Mtime, write_end, write_member};

    #[test]
    fn what_is_written_is_read_back() {
        let long = "n".repeat(300).into_bytes();
        let times = [
            (0, 0),
            (1, 1),
            (-1, 500_000_000),
            (-1, 0),
            (i64::MAX / 2, 999_999_999),
            (0o777_7777_7777, 0),
            (0o777_7777_7777 + 1, 0),
        ];
        let mut members = vec![
            (b"a\nb\xff".to_vec(), Kind::Folder),
            ([b'd'; 99].to_vec(), Kind::Folder),
            ([b'd'; 100].to_vec(), Kind::Folder),
            ([b'f'; 100].to_vec(), Kind::HardLink([b'g'; 100].to_vec())),
            ([b'f'; 101].to_vec(), Kind::HardLink([b'g'; 101].to_vec())),
            (long.clone(), Kind::Symlink(long)),
        ]
        .into_iter()
        .map(|(path, kind)| Member {
            path,
            mode: 0o7751,
            mtime: Mtime::default(),
            kind,
        })
        .collect::<Vec<_>>();
        members.extend(times.map(|(seconds, nanos)| Member {
            path: b"t".to_vec(),
            mode: 0,
            mtime: Mtime { seconds, nanos },
            kind: Kind::File(0),
        }));
        let mut archive = Vec::new();
        for member in &members {
            write_member(&mut archive, member).unwrap();
        }
        write_end(&mut archive).unwrap();

        let mut reader = MemberReader::new(archive.as_slice());
        for member in members {
            assert_eq!(reader.next().unwrap(), Some(member));
        }
        assert_eq!(reader.next().unwrap(), None);
    }
}
