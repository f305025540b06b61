//! The encodings that a channel can be told to use.

use crate::compression::Compression;

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `zstd` (RFC 8878).
    #[cfg(feature = "zstd")]
    Zstd,
    /// `br` (RFC 7932).
    #[cfg(feature = "brotli")]
    Brotli,
    /// `deflate` (RFC 1950).
    Deflate,
}

impl Encoding {
    /// Every encoding of this build, the one that servers most often have first.
    pub const ALL: &'static [Self] = &[
        Self::Gzip,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        #[cfg(feature = "brotli")]
        Self::Brotli,
        Self::Deflate,
    ];

    pub(super) fn compression(self) -> Compression {
        match self {
            Self::Gzip => Compression::Gzip,
            #[cfg(feature = "zstd")]
            Self::Zstd => Compression::Zstd,
            #[cfg(feature = "brotli")]
            Self::Brotli => Compression::Brotli,
            Self::Deflate => Compression::Deflate,
        }
    }
}
