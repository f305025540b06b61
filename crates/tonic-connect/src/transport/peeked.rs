//! A transport whose next bytes can be seen before they are read.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBuf, ReadBufCursor};

/// How much can be seen at first, in bytes: enough to know HTTP/2 by its preface.
const SEEN: usize = 24;

/// How much more can be seen, in bytes: a few requests. What comes after it stays with its sender.
const MORE: usize = 16 * 1024;

/// How much of that is taken at a time, in bytes.
const PIECE: usize = 4 * 1024;

/// A transport, and what its peer sent that has been seen and not read.
pub(super) struct Peeked<T> {
    pub(super) inner: T,
    seen: [u8; SEEN],
    begin: u8,
    end: u8,
    /// What comes after those; takes memory only where a peer sends on while nobody reads.
    more: BytesMut,
}

impl<T> Peeked<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            seen: [0; SEEN],
            begin: 0,
            end: 0,
            more: BytesMut::new(),
        }
    }

    /// The first of what has been seen and not read.
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

    /// Looks for the end behind all that has been seen, and sees what comes before it: how many bytes, none at the end.
    /// Pending as well when a peer has sent so much that no more is looked at.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room_at_first = self.begin == self.end || usize::from(self.end) < SEEN;
        if room_at_first && self.more.is_empty() {
            return self.poll_peek(cx);
        }
        let most = PIECE.min(MORE - self.more.len());
        if most == 0 {
            return Poll::Pending;
        }
        let mut room = [MaybeUninit::uninit(); PIECE];
        let mut piece = ReadBuf::uninit(&mut room[..most]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, piece.unfilled()))?;
        self.more.extend_from_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    }
}

impl<T: Read + Unpin> Read for Peeked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let taken = self.seen().len().min(buf.remaining());
        if taken == 0 && self.more.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        buf.put_slice(&self.seen()[..taken]);
        self.begin += taken as u8;
        let taken = self.more.len().min(buf.remaining());
        buf.put_slice(&self.more[..taken]);
        self.more.advance(taken);
        if !self.more.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // Gives back its memory.
        self.more = BytesMut::new();
        // And what comes after it, so that a large body is not read in pieces of this size. An end or an error is found
        // again by the next read.
        let _ = Pin::new(&mut self.inner).poll_read(cx, buf);
        Poll::Ready(Ok(()))
    }
}
