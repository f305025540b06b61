//! What HTTP/2 reads and writes through: it writes as little and as often as the system likes it.
//!
//! h2 copies a frame that follows others into its buffer when its transport cannot write from several places, and
//! writes out before each frame of more than 256 bytes when it can: a message and its trailers in two system calls. So
//! this transport says that it cannot; and since h2 then writes a large frame in two pieces, it keeps a small piece
//! until it knows what follows, and writes both from where they are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::peeked::Peeked;
use super::traffic::Traffic;

/// The largest piece that is kept, in bytes.
const KEPT: usize = 4 * 1024;

/// A transport that writes what is flushed together in one call, and notes when its peer has to read first.
pub(super) struct Http2<T> {
    inner: Peeked<T>,
    kept: BytesMut,
    traffic: Arc<Traffic>,
}

impl<T> Http2<T> {
    pub(super) fn new(inner: Peeked<T>, traffic: Arc<Traffic>) -> Self {
        Self {
            inner,
            kept: BytesMut::new(),
            traffic,
        }
    }
}

impl<T: Write + Unpin> Http2<T> {
    /// Writes what is kept.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let written = Pin::new(&mut self.inner.inner).poll_write(cx, &self.kept);
            self.traffic.written(&written);
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Read + Unpin> Read for Http2<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Http2<T> {
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
            let inner = Pin::new(&mut this.inner.inner);
            let written = inner.poll_write_vectored(cx, &pieces);
            this.traffic.written(&written);
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let kept = this.kept.len().min(written);
            this.kept.advance(kept);
            if written > kept {
                return Poll::Ready(Ok(written - kept));
            }
        }
        let written = Pin::new(&mut this.inner.inner).poll_write(cx, buf);
        this.traffic.written(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_kept(cx))?;
        let flushed = Pin::new(&mut self.inner.inner).poll_flush(cx);
        self.traffic.written(&flushed);
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_kept(cx))?;
        Pin::new(&mut self.inner.inner).poll_shutdown(cx)
    }

    /// As the module says.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_written_before_the_end() {
        let (ours, mut theirs) = duplex(64);
        let mut transport = Http2::new(Peeked::new(TokioIo::new(ours)), Arc::default());
        let kept = poll_fn(|cx| Pin::new(&mut transport).poll_write(cx, b"a small frame"));
        assert_eq!(kept.await.unwrap(), 13);
        poll_fn(|cx| Pin::new(&mut transport).poll_shutdown(cx))
            .await
            .unwrap();
        let mut written = String::new();
        theirs.read_to_string(&mut written).await.unwrap();
        assert_eq!(written, "a small frame");
    }
}
