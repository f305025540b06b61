//! A transport whose next bytes can be seen before they are read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor};

/// How much can be seen, in bytes: enough to know HTTP/2 by its preface.
const SEEN: usize = 24;

/// A transport, and what its peer sent that has been seen and not read.
pub(super) struct Peeked<T> {
    pub(super) inner: T,
    seen: [u8; SEEN],
    begin: u8,
    end: u8,
}

impl<T> Peeked<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            seen: [0; SEEN],
            begin: 0,
            end: 0,
        }
    }

    /// What has been seen and not read.
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen[usize::from(self.begin)..usize::from(self.end)]
    }
}

impl<T: Read + Unpin> Peeked<T> {
    /// Sees what comes after that: how many bytes, none at the end, and none when there is no room for more.
    pub(super) fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
        }
        let mut unseen = ReadBuf::new(&mut self.seen[usize::from(self.end)..]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, unseen.unfilled()))?;
        let more = unseen.filled().len();
        self.end += more as u8;
        Poll::Ready(Ok(more))
    }
}

impl<T: Read + Unpin> Read for Peeked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let taken = self.seen().len().min(buf.remaining());
        if taken == 0 {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        buf.put_slice(&self.seen()[..taken]);
        self.begin += taken as u8;
        // And what comes after it, so that a large body is not read in pieces of this size. An end or an error is found
        // again by the next read.
        let _ = Pin::new(&mut self.inner).poll_read(cx, buf);
        Poll::Ready(Ok(()))
    }
}
