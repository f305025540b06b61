//! What HTTP/1.1 reads and writes through.
//!
//! hyper looks for the end of a connection before it lets a call go on: one read more for each request, and a read
//! buffer more, since the request still holds the other. Nearly every call has its answer by then. So hyper is told not
//! to look, and the transport does so when a call waits.
//!
//! And hyper hands over head and body of a response from where they are: two places, which are more work for the system
//! than to copy the small ones together is here.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::peeked::Peeked;
use super::traffic::Traffic;

/// The largest response whose head and body are copied to be written from one place, in bytes.
const TOGETHER: usize = 1024;

/// A transport that fails when its peer has gone and a call waits, and notes when its peer has to read or send first.
pub(super) struct Http1<T> {
    inner: Peeked<T>,
    traffic: Arc<Traffic>,
}

impl<T> Http1<T> {
    pub(super) fn new(inner: Peeked<T>, traffic: Arc<Traffic>) -> Self {
        Self { inner, traffic }
    }
}

impl<T: Read + Unpin> Http1<T> {
    /// Looks for the end where a call waits, whatever comes before it.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.traffic.is_answering() {
            return Ok(());
        }
        match self.inner.poll_end(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(0)) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer went away while its call ran",
            )),
            Poll::Ready(Ok(_)) => {
                // The next request, most likely; but it may be the rest of a body that hyper waits for, and is to be
                // read before an end that comes after it ends the call.
                cx.waker().wake_by_ref();
                Ok(())
            }
        }
    }
}

impl<T: Read + Unpin> Read for Http1<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.traffic.read(&read);
        read
    }
}

impl<T: Read + Write + Unpin> Write for Http1<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut room = [MaybeUninit::uninit(); TOGETHER];
        let mut together = ReadBuf::uninit(&mut room);
        let inner = Pin::new(&mut self.inner.inner);
        let written = match gather(pieces, together.unfilled()) {
            true => inner.poll_write(cx, together.filled()),
            false => inner.poll_write_vectored(cx, pieces),
        };
        self.traffic.written(&written);
        if written.is_pending() {
            self.check(cx)?;
        }
        written
    }

    /// What hyper does at last each time, so that a call that is still there then waits.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner.inner).poll_flush(cx);
        self.traffic.written(&flushed);
        self.check(cx)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner.inner).poll_shutdown(cx)
    }
}

/// Whether the pieces, one after the other, found room.
fn gather(pieces: &[IoSlice<'_>], mut room: ReadBufCursor<'_>) -> bool {
    pieces.iter().all(|piece| {
        let fits = piece.len() <= room.remaining();
        if fits {
            room.put_slice(piece);
        }
        fits
    })
}
