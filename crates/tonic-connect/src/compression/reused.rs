//! Compressors that each thread keeps: setting one up costs more than a usual message does.
//!
//! brotli's and the decompressors of flate2 cannot be used again, or not for gzip; they are small.

use std::cell::RefCell;
use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// The largest window of a zstd frame that is read, as a power of two: what RFC 9659 lets an HTTP sender use. It bounds
/// the memory that a small frame can ask for.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG: u32 = 23;
/// The fastest level that still beats gzip.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// A gzip member without name and time, compressed fast, on a system that is not told (RFC 1952, section 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

thread_local! {
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
    static ZLIB: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), true));
}

#[cfg(feature = "zstd")]
thread_local! {
    static ZSTD: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static UNZSTD: RefCell<zstd::zstd_safe::DCtx<'static>> = RefCell::default();
}

/// Appends `data` as gzip.
pub(super) fn gzip(data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(&GZIP_HEADER);
    DEFLATE.with_borrow_mut(|compress| deflate(compress, data, out))?;
    let mut crc = Crc::new();
    crc.update(data);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(())
}

/// Appends `data` as zlib.
pub(super) fn zlib(data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    ZLIB.with_borrow_mut(|compress| deflate(compress, data, out))
}

fn deflate(compress: &mut Compress, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    compress.reset();
    loop {
        out.reserve(data.len() / 2 + 64);
        let rest = data.get(compress.total_in() as usize..).unwrap_or_default();
        if compress.compress_vec(rest, out, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(());
        }
    }
}

/// Appends `data` as zstd.
#[cfg(feature = "zstd")]
pub(super) fn zstd(data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    ZSTD.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        out.extend_from_slice(&compressor.compress(data)?);
        Ok(())
    })
}

/// Gives `read` what `data` decompresses to.
#[cfg(feature = "zstd")]
pub(super) fn unzstd<T>(
    data: &[u8],
    read: impl FnOnce(&mut dyn io::Read) -> io::Result<T>,
) -> io::Result<T> {
    use zstd::zstd_safe::{DParameter, ResetDirective, get_error_name};
    let error = |code| io::Error::other(get_error_name(code));
    UNZSTD.with_borrow_mut(|context| {
        // What came before may have been broken off.
        context.reset(ResetDirective::SessionOnly).map_err(error)?;
        let window = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
        context.set_parameter(window).map_err(error)?;
        read(&mut zstd::stream::read::Decoder::with_context(
            data, context,
        ))
    })
}
