//! The HTTP of one connection, whose peer says by its first bytes which one it speaks.
//!
//! Each is set up where it is known: it has a transport of its own, and takes the memory of its kind.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioTimer;

use super::BoxError;
use super::calls::Calls;
use super::http1::Http1;
use super::http2::Http2;
use super::peeked::Peeked;
use super::traffic::Traffic;

/// What a connection of HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How HTTP is spoken; the same for all of a server.
#[derive(Clone, Debug)]
pub(super) struct HttpTerms {
    /// Whether a connection of HTTP/1.1 is kept for the next call.
    pub(super) http1_keep_alive: bool,
    pub(super) max_concurrent_streams: u32,
    /// How often a peer that speaks HTTP/2 is pinged, and how long it has to answer.
    pub(super) http2_keep_alive: Option<(Duration, Duration)>,
}

impl HttpTerms {
    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .keep_alive(self.http1_keep_alive)
            // The transport looks whether the peer is still there.
            .half_close(true)
            // The connection sees to it.
            .header_read_timeout(None);
        builder
    }

    fn http2(&self, calls: Calls) -> http2::Builder<Calls> {
        let (interval, answer) = self.http2_keep_alive.unzip();
        let mut builder = http2::Builder::new(calls);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_concurrent_streams)
            .keep_alive_interval(interval);
        if let Some(answer) = answer {
            builder.keep_alive_timeout(answer);
        }
        builder
    }
}

/// One connection.
pub(super) enum Http<T, S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
{
    /// Its peer has not said enough.
    Unknown(Option<Box<Unknown<T, S>>>),
    /// It speaks HTTP/1.1.
    One(Pin<Box<http1::Connection<Http1<T>, S>>>),
    /// It speaks HTTP/2.
    Two(Pin<Box<http2::Connection<Http2<T>, S, Calls>>>),
}

/// What a connection is made of.
pub(super) struct Unknown<T, S> {
    pub(super) stream: Peeked<T>,
    pub(super) service: S,
    pub(super) traffic: Arc<Traffic>,
    pub(super) calls: Calls,
    pub(super) terms: HttpTerms,
}

impl<T, S, B> Http<T, S, B>
where
    T: Read + Write + Unpin,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Goes on until the connection ends.
    #[inline(always)]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            let unknown = match self {
                Self::One(connection) => return connection.as_mut().poll(cx).map_err(Into::into),
                Self::Two(connection) => return connection.as_mut().poll(cx).map_err(Into::into),
                Self::Unknown(unknown) => unknown,
            };
            let Some(begun) = unknown else {
                return Poll::Ready(Ok(()));
            };
            let is_http2 = ready!(poll_is_http2(&mut begun.stream, cx))?;
            let Some(known) = unknown.take() else {
                return Poll::Ready(Ok(()));
            };
            let Unknown {
                stream,
                service,
                traffic,
                calls,
                terms,
            } = *known;
            *self = match is_http2 {
                true => {
                    let stream = Http2::new(stream, traffic);
                    Self::Two(Box::pin(
                        terms.http2(calls).serve_connection(stream, service),
                    ))
                }
                false => {
                    let stream = Http1::new(stream, traffic);
                    Self::One(Box::pin(terms.http1().serve_connection(stream, service)))
                }
            };
        }
    }

    /// Takes no more calls, and ends when those that run have ended.
    pub(super) fn graceful_shutdown(&mut self) {
        match self {
            Self::Unknown(unknown) => *unknown = None,
            Self::One(connection) => connection.as_mut().graceful_shutdown(),
            Self::Two(connection) => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// Whether the first bytes are those of HTTP/2. Fewer bytes than it takes to know are not.
fn poll_is_http2<T: Read + Unpin>(
    stream: &mut Peeked<T>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<bool>> {
    while PREFACE.starts_with(stream.seen()) {
        let known = stream.seen().len() == PREFACE.len();
        if known || ready!(stream.poll_peek(cx))? == 0 {
            return Poll::Ready(Ok(known));
        }
    }
    Poll::Ready(Ok(false))
}
