//! What a connection is about: whether it owes its peer an answer, or the peer owes it the head of a request, the rest
//! of a body, or to read what it was sent.
//!
//! hyper could time the heads of HTTP/1.1 itself, with a timer that is made, registered and dropped for each request,
//! and one more round of reading and writing to start it. Here a request leaves a mark, and the connection, which has a
//! timer anyway, looks at it after the fact.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Version;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// What is known of one connection. Only its own task writes what HTTP/1.1 needs, so no order has to be kept.
#[derive(Default)]
pub(super) struct Traffic {
    /// A request has come.
    begun: AtomicBool,
    /// It was one of HTTP/2, which has pings to find out who is there.
    http2: AtomicBool,
    /// A call of HTTP/1.1 runs, of which there is one at a time, or its response has not been taken to its end.
    answering: AtomicBool,
    /// The peer has to read before more can be written.
    blocked: AtomicBool,
    /// One of the last two has changed since somebody looked.
    changed: AtomicBool,
    /// The peer has to send more of the body of the call that runs.
    starved: AtomicBool,
    /// hyper has asked for more of it since somebody looked.
    asked: AtomicBool,
    /// The peer has begun to keep the server waiting, or has ended it, since somebody looked.
    moved: AtomicBool,
}

impl Traffic {
    /// Notes a request; the call runs until what this returns is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> Answering {
        self.begun.store(true, Ordering::Relaxed);
        if version > Version::HTTP_11 {
            self.http2.store(true, Ordering::Relaxed);
            return Answering(None);
        }
        self.answering.store(true, Ordering::Relaxed);
        self.changed.store(true, Ordering::Relaxed);
        self.starved.store(false, Ordering::Relaxed);
        Answering(Some(Arc::clone(self)))
    }

    /// Notes whether what was to be written could be.
    pub(super) fn written<T>(&self, written: &Poll<T>) {
        let blocked = written.is_pending();
        if blocked != self.blocked.load(Ordering::Relaxed) {
            self.blocked.store(blocked, Ordering::Relaxed);
            self.changed.store(true, Ordering::Relaxed);
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    /// Notes whether what hyper asked for over HTTP/1.1 had come. While a call runs it asks for nothing but more of its
    /// body, and for that only where there is room for it.
    pub(super) fn read<T>(&self, read: &Poll<T>) {
        let starved = read.is_pending() && self.is_answering();
        if starved {
            self.asked.store(true, Ordering::Relaxed);
        }
        if starved != self.starved.load(Ordering::Relaxed) {
            self.starved.store(starved, Ordering::Relaxed);
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a request has come.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether a call of HTTP/1.1 runs.
    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    /// Whether requests of HTTP/2 come.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// Whether the peer has had all that it is owed, asked once for each change.
    pub(super) fn changed_to_idle(&self) -> Option<bool> {
        if !self.changed.load(Ordering::Relaxed) {
            return None;
        }
        self.changed.store(false, Ordering::Relaxed);
        let busy = self.answering.load(Ordering::Relaxed) || self.blocked.load(Ordering::Relaxed);
        Some(!busy)
    }

    /// Whether the peer keeps the server waiting, asked once for each change.
    pub(super) fn moved_to_waiting(&self) -> Option<bool> {
        if !self.moved.load(Ordering::Relaxed) {
            return None;
        }
        self.moved.store(false, Ordering::Relaxed);
        Some(self.is_waiting())
    }

    /// Whether the peer keeps the server waiting: it has to read, or to send more of a body that is asked for.
    pub(super) fn is_waiting(&self) -> bool {
        let starved = self.starved.load(Ordering::Relaxed) && self.asked.load(Ordering::Relaxed);
        self.blocked.load(Ordering::Relaxed) || (starved && self.is_answering())
    }

    /// Whether that has changed since somebody looked.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// Forgets that a body was asked for, to see whether it is again.
    pub(super) fn forget_asked(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }
}

/// A call that runs; until this is dropped, its connection is not idle.
pub(super) struct Answering(Option<Arc<Traffic>>);

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(traffic) = &self.0 {
            traffic.answering.store(false, Ordering::Relaxed);
            traffic.changed.store(true, Ordering::Relaxed);
        }
    }
}

pin_project! {
    /// The body of a response, which is a part of the call.
    pub(super) struct Answer<B> {
        #[pin]
        body: B,
        answering: Answering,
    }
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, answering: Answering) -> Self {
        Self { body, answering }
    }
}

impl<B: Body> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
