//! The body of a response.
//!
//! What a unary call answers is one frame that is there already, and perhaps trailers; hyper then sends head, data and
//! trailers together, and no stream has to be polled. Only streaming methods pay for a boxed stream.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::text;

/// The body of every response of this crate's services.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    FullWithTrailers(Bytes, Box<HeaderMap>),
    Trailers(Box<HeaderMap>),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Infallible> + Send>>),
}

impl Body {
    /// No data and no trailers.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// One frame of data.
    #[must_use]
    pub fn full(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        if data.is_empty() {
            Self::empty()
        } else {
            Self(Kind::Full(data))
        }
    }

    /// One frame of data, then trailers.
    pub(crate) fn full_with_trailers(data: Bytes, trailers: HeaderMap) -> Self {
        Self(Kind::FullWithTrailers(data, Box::new(trailers)))
    }

    /// The one frame of data in base64.
    pub(super) fn into_text(self) -> Self {
        match self.0 {
            Kind::Full(data) => Self::full(text::encode(data)),
            other => Self(other),
        }
    }

    /// Frames as they come.
    pub(crate) fn stream(
        stream: impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    ) -> Self {
        Self(Kind::Stream(Box::pin(stream)))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::FullWithTrailers(..) => "full with trailers",
            Kind::Trailers(_) => "trailers",
            Kind::Stream(_) => "stream",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let kind = &mut self.get_mut().0;
        if let Kind::Stream(stream) = kind {
            return stream.as_mut().poll_frame(cx);
        }
        let (frame, rest) = match std::mem::replace(kind, Kind::Empty) {
            Kind::Full(data) => (Some(Frame::data(data)), Kind::Empty),
            Kind::FullWithTrailers(data, trailers) => {
                (Some(Frame::data(data)), Kind::Trailers(trailers))
            }
            Kind::Trailers(trailers) => (Some(Frame::trailers(*trailers)), Kind::Empty),
            Kind::Empty | Kind::Stream(_) => (None, Kind::Empty),
        };
        *kind = rest;
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) | Kind::FullWithTrailers(..) | Kind::Trailers(_) => false,
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(data) => SizeHint::with_exact(data.len() as u64),
            // HTTP/1.1 has trailers only where the length is not declared.
            Kind::FullWithTrailers(..) | Kind::Trailers(_) => SizeHint::default(),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}
