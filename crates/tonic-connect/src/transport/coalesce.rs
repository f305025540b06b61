//! Writes as little and as often as the system likes it.
//!
//! h2 copies a frame that follows others into its buffer when its transport cannot write from several places, and
//! writes out before each frame of more than 256 bytes when it can: a message and its trailers in two system calls. So
//! this transport says that it cannot; and since h2 then writes a large frame in two pieces, it keeps a small piece
//! until it knows what follows, and writes both from where they are.
//!
//! HTTP/1.1 hands over head and body as they are, and the small ones are copied together.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::traffic::Traffic;

/// The largest piece that is kept, in bytes.
const KEPT: usize = 4 * 1024;

/// The largest response of HTTP/1.1 whose head and body are copied to be written from one place, in bytes: two places
/// are more work for the system.
const TOGETHER: usize = 1024;

/// A transport that writes what is flushed together in one call, and notes when its peer has to read first.
pub(super) struct Coalesced<T> {
    inner: T,
    kept: BytesMut,
    traffic: Arc<Traffic>,
}

impl<T> Coalesced<T> {
    pub(super) fn new(inner: T, traffic: Arc<Traffic>) -> Self {
        Self {
            inner,
            kept: BytesMut::new(),
            traffic,
        }
    }
}

impl<T: Write + Unpin> Coalesced<T> {
    /// Writes what is kept.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.kept))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Read + Unpin> Read for Coalesced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Coalesced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.kept.is_empty() && buf.len() <= KEPT {
            self.kept.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        let this = &mut *self;
        while !this.kept.is_empty() {
            let pieces = [IoSlice::new(&this.kept), IoSlice::new(buf)];
            let inner = Pin::new(&mut this.inner);
            let written = ready!(inner.poll_write_vectored(cx, &pieces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let kept = this.kept.len().min(written);
            this.kept.advance(kept);
            if written > kept {
                return Poll::Ready(Ok(written - kept));
            }
        }
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match self.poll_kept(cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.inner).poll_flush(cx),
            kept => kept,
        };
        self.traffic.written(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_kept(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    /// For h2, as the module says; HTTP/1.1 is told otherwise where it is set up.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_kept(cx))?;
        let mut together = [0; TOGETHER];
        let inner = Pin::new(&mut self.inner);
        let written = match gather(pieces, &mut together) {
            Some(together) => inner.poll_write(cx, together),
            None => inner.poll_write_vectored(cx, pieces),
        };
        self.traffic.written(written)
    }
}

/// The pieces one after the other, none when they do not fit.
fn gather<'a>(pieces: &[IoSlice<'_>], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    for piece in pieces {
        let begin = end;
        end += piece.len();
        room.get_mut(begin..end)?.copy_from_slice(piece);
    }
    Some(&room[..end])
}
