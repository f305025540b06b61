//! The compression axis: the encodings that a body or a message may have, whatever protocol names them.

mod reused;

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::HeaderValue;
use tonic::Status;

/// The encodings that can be read and written besides `identity`, as the headers list them.
pub(crate) const SUPPORTED: &str = match (cfg!(feature = "zstd"), cfg!(feature = "brotli")) {
    (true, true) => "gzip, zstd, br, deflate",
    (true, false) => "gzip, zstd, deflate",
    (false, true) => "gzip, br, deflate",
    (false, false) => "gzip, deflate",
};

/// Quality and window of brotli for content that is compressed as it is sent.
#[cfg(feature = "brotli")]
const BROTLI: (u32, u32) = (3, 22);
#[cfg(feature = "brotli")]
const BROTLI_BUFFER: usize = 4096;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
    /// RFC 7932.
    #[cfg(feature = "brotli")]
    Brotli,
    /// RFC 1950, which HTTP calls "deflate".
    Deflate,
}

impl Compression {
    /// The encoding that a header such as `Content-Encoding` or `grpc-encoding` names; none means `identity`.
    ///
    /// # Errors
    /// `unimplemented` that lists what is supported, as the Connect and gRPC specifications ask.
    pub(crate) fn from_header(value: Option<&HeaderValue>) -> Result<Self, Status> {
        value.map_or(Ok(Self::Identity), |value| {
            Self::from_name(value.as_bytes())
        })
    }

    /// The encoding of this name; an empty name means `identity`.
    ///
    /// # Errors
    /// `unimplemented` that lists what is supported.
    pub(crate) fn from_name(name: &[u8]) -> Result<Self, Status> {
        Self::known(name).ok_or_else(|| {
            Status::unimplemented(format!(
                "unknown compression {:?}: supported encodings are {SUPPORTED}",
                String::from_utf8_lossy(name)
            ))
        })
    }

    fn known(name: &[u8]) -> Option<Self> {
        // As everybody writes them; otherwise in any case (RFC 9110, section 8.4.1), or by their old name.
        Self::known_exactly(name).or_else(|| match name.to_ascii_lowercase().as_slice() {
            b"x-gzip" => Some(Self::Gzip),
            lower => Self::known_exactly(lower),
        })
    }

    fn known_exactly(name: &[u8]) -> Option<Self> {
        match name {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" => Some(Self::Gzip),
            #[cfg(feature = "zstd")]
            b"zstd" => Some(Self::Zstd),
            #[cfg(feature = "brotli")]
            b"br" => Some(Self::Brotli),
            b"deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// The name in headers.
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
            #[cfg(feature = "brotli")]
            Self::Brotli => "br",
            Self::Deflate => "deflate",
        }
    }

    /// The encoding of the lists `accepted` that can be written and that the caller prefers: the highest weight (RFC
    /// 9110, section 12.4.2), of equal ones the first. `identity` when there is none, or when it is preferred itself.
    pub(crate) fn choose<'a>(accepted: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let (mut chosen, mut best) = (Self::Identity, 0);
        let lists = accepted.into_iter().filter_map(|value| value.to_str().ok());
        for item in lists.flat_map(|list| list.split(',')) {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q="));
            let weight = weight.map_or(1000, thousandths);
            if let Some(known) = Self::known(name.as_bytes())
                && weight > best
                && !name.is_empty()
            {
                (chosen, best) = (known, weight);
            }
        }
        chosen
    }

    /// The value for a header that names this encoding, none for `identity`.
    pub(crate) fn header_value(self) -> Option<HeaderValue> {
        (self != Self::Identity).then(|| HeaderValue::from_static(self.name()))
    }

    /// Appends `data`, compressed, to `out`.
    ///
    /// # Errors
    /// `internal` when the compressor fails, which writing to memory never does.
    pub(crate) fn compress(self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let written = match self {
            Self::Identity => out.write_all(data),
            Self::Gzip => reused::gzip(data, out),
            #[cfg(feature = "zstd")]
            Self::Zstd => reused::zstd(data, out),
            #[cfg(feature = "brotli")]
            Self::Brotli => {
                let (quality, window) = BROTLI;
                let mut encoder =
                    brotli::CompressorWriter::new(out, BROTLI_BUFFER, quality, window);
                // Dropping it writes the end.
                encoder.write_all(data)
            }
            Self::Deflate => reused::zlib(data, out),
        };
        written.map_err(|error| {
            Status::internal(format!("{} compression failed: {error}", self.name()))
        })
    }

    /// Undoes the compression of `data`, never writing more than `limit` bytes. No bytes are no bytes in every encoding.
    ///
    /// # Errors
    /// `resource_exhausted` past the limit, `invalid_argument` when the data is not what the encoding says.
    #[inline]
    pub(crate) fn decompress(self, data: Bytes, limit: usize) -> Result<Bytes, Status> {
        if self != Self::Identity && !data.is_empty() {
            return self.expand(&data, limit);
        }
        match data.len() {
            length if length > limit => Err(over_limit(limit)),
            _ => Ok(data),
        }
    }

    fn expand(self, data: &Bytes, limit: usize) -> Result<Bytes, Status> {
        let plain = match self {
            Self::Identity => return Ok(data.clone()),
            Self::Gzip => gunzip(data, limit),
            #[cfg(feature = "zstd")]
            Self::Zstd => reused::unzstd(data, |decoder| read_at_most(decoder, data.len(), limit)),
            #[cfg(feature = "brotli")]
            Self::Brotli => {
                let decoder = brotli::Decompressor::new(data.as_ref(), BROTLI_BUFFER);
                read_at_most(decoder, data.len(), limit)
            }
            Self::Deflate => read_at_most(ZlibDecoder::new(data.as_ref()), data.len(), limit),
        };
        let plain = plain.map_err(|error| {
            Status::invalid_argument(format!("invalid {} data: {error}", self.name()))
        })?;
        if plain.len() > limit {
            return Err(over_limit(limit));
        }
        Ok(Bytes::from(plain))
    }
}

/// A weight from 0 to 1 in thousandths; one that is none counts as 0.
fn thousandths(weight: &str) -> u16 {
    match weight.trim().parse() {
        Ok(weight @ 0.0..=1.0) => (weight * 1000.0_f32).round() as u16,
        _ => 0,
    }
}

/// The most members that gzip data may be made of (RFC 1952, section 2.2). Nearly everybody writes one; a decoder is set
/// up for each, which costs a hundred times what an empty one costs its sender.
const MAX_GZIP_MEMBERS: usize = 64;

/// Decompresses one member after the other.
fn gunzip(mut data: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    for _ in 0..MAX_GZIP_MEMBERS {
        let mut decoder = GzDecoder::new(data);
        let left = limit - plain.len();
        let member = read_at_most(&mut decoder, data.len(), left)?;
        data = decoder.into_inner();
        match plain.is_empty() {
            true => plain = member,
            false => plain.extend_from_slice(&member),
        }
        if data.is_empty() || plain.len() > limit {
            return Ok(plain);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("it has more than {MAX_GZIP_MEMBERS} members"),
    ))
}

/// Reads to the end, or one byte past `limit`, which shows that there is more.
fn read_at_most(decoder: impl Read, compressed: usize, limit: usize) -> io::Result<Vec<u8>> {
    // A guess at the ratio; a hostile one costs at most this and the limit.
    let guess = compressed.saturating_mul(4).min(limit).min(64 * 1024);
    let mut plain = Vec::with_capacity(guess);
    decoder
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut plain)?;
    Ok(plain)
}

fn over_limit(limit: usize) -> Status {
    Status::resource_exhausted(format!("the message is over the limit of {limit} bytes"))
}
