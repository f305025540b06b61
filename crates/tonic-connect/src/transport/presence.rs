//! Notices that a peer has gone while its call runs.
//!
//! hyper looks for the end of an HTTP/1.1 connection before it lets a call go on: one read more for each request, and a
//! read buffer more, since the request still holds the other. Nearly every call has its answer by then. So hyper is told
//! not to look, and the transport does so when a call waits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::traffic::Traffic;

/// How much is read to see whether the end has come, in bytes.
const GLIMPSE: usize = 16;

/// A transport that fails when its peer has gone and a call of HTTP/1.1 waits.
pub(super) struct Present<T> {
    inner: T,
    traffic: Arc<Traffic>,
    /// What the peer sent instead of going, and where it begins: the next request, most likely.
    seen: [u8; GLIMPSE],
    begin: u8,
    end: u8,
}

impl<T> Present<T> {
    pub(super) fn new(inner: T, traffic: Arc<Traffic>) -> Self {
        Self {
            inner,
            traffic,
            seen: [0; GLIMPSE],
            begin: 0,
            end: 0,
        }
    }

    fn unread(&self) -> &[u8] {
        &self.seen[usize::from(self.begin)..usize::from(self.end)]
    }
}

impl<T: Read + Unpin> Present<T> {
    /// Looks for the end where a call waits and nothing else has come.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.traffic.is_answering() || !self.unread().is_empty() {
            return Ok(());
        }
        let mut seen = ReadBuf::new(&mut self.seen);
        match Pin::new(&mut self.inner).poll_read(cx, seen.unfilled()) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) if seen.filled().is_empty() => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer went away while its call ran",
            )),
            Poll::Ready(Ok(())) => {
                self.begin = 0;
                self.end = seen.filled().len() as u8;
                // It may be the rest of a body that hyper waits for.
                cx.waker().wake_by_ref();
                Ok(())
            }
        }
    }
}

impl<T: Read + Unpin> Read for Present<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let taken = self.unread().len().min(buf.remaining());
        if taken == 0 {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        buf.put_slice(&self.unread()[..taken]);
        self.begin += taken as u8;
        // And what comes after it, so that a large body is not read in pieces of this size. An end or an error is found
        // again by the next read.
        let _ = Pin::new(&mut self.inner).poll_read(cx, buf);
        Poll::Ready(Ok(()))
    }
}

impl<T: Read + Write + Unpin> Write for Present<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    /// What hyper does at last each time, so that a call that is still there then waits.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.check(cx)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, pieces);
        if written.is_pending() {
            self.check(cx)?;
        }
        written
    }
}
