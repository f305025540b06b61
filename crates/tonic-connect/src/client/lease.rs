//! A connection while a call has it: from the request to the last byte of the response.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::HeaderValue;
use http_body::{Body as _, Frame, SizeHint};
use tokio::runtime::Handle;
use tonic::Status;
use tonic::body::Body;

use super::connector::Connection;
use super::failure;
use super::http2::Http2Body;
use super::pool::Inner;
use super::transport::BoxError;

/// The use of a connection for one exchange.
pub(super) struct Lease {
    pub(super) connection: Connection,
    /// Where it goes afterwards, if that is still there.
    pub(super) pool: Weak<Inner>,
    /// Whether the connection was used before.
    pub(super) reused: bool,
}

/// Why there is no response, and the request if nothing of it was written.
pub(super) struct Unanswered {
    pub(super) error: BoxError,
    pub(super) unsent: Option<http::Request<Body>>,
}

impl From<h2::Error> for Unanswered {
    fn from(error: h2::Error) -> Self {
        Self {
            error: error.into(),
            unsent: None,
        }
    }
}

impl Lease {
    pub(super) fn new(connection: Connection, pool: &Arc<Inner>, reused: bool) -> Self {
        Self {
            connection,
            pool: Arc::downgrade(pool),
            reused,
        }
    }

    /// Sends `request`, whose URI is whole, to `host`. When this is dropped, the exchange is over, and over HTTP/1.1 so is
    /// the connection.
    pub(super) async fn send(
        mut self,
        request: http::Request<Body>,
        host: &HeaderValue,
    ) -> Result<http::Response<Received>, Unanswered> {
        Ok(match &mut self.connection {
            Connection::Http1(connection) => {
                let response = connection.send(request, host).await?;
                response.map(|body| Received::new(Incoming::Http1(body), self))
            }
            Connection::Http2(connection) => {
                let response = connection.send(request).await?;
                response.map(|body| Received::new(Incoming::Http2(body), self))
            }
        })
    }

    /// The response is over, or nobody wants the rest of it.
    fn end(self) {
        let mut connection = match self.connection {
            Connection::Http1(connection) => connection,
            Connection::Http2(connection) => {
                if let Some(pool) = self.pool.upgrade() {
                    pool.ended(&connection);
                }
                return;
            }
        };
        if connection.is_ready() {
            if let Some(pool) = self.pool.upgrade() {
                pool.hand_on(connection, true);
            }
        } else if !connection.is_closed()
            && let Ok(runtime) = Handle::try_current()
        {
            // The request still goes on, or the end of the response is still to be seen.
            let pool = self.pool;
            runtime.spawn(async move {
                if connection.becomes_ready().await
                    && let Some(pool) = pool.upgrade()
                {
                    pool.hand_on(connection, true);
                }
            });
        }
    }
}

enum Incoming {
    Http1(hyper::body::Incoming),
    Http2(Http2Body),
}

/// The body of a response, as it comes.
pub(super) struct Received {
    body: Incoming,
    /// None once the body is over.
    lease: Option<Lease>,
}

impl Received {
    fn new(body: Incoming, lease: Lease) -> Self {
        let mut received = Self {
            body,
            lease: Some(lease),
        };
        received.end_with_the_body();
        received
    }

    fn end_with_the_body(&mut self) {
        if self.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.end();
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(match &mut self.body {
            Incoming::Http1(body) => Pin::new(body).poll_frame(cx).map_err(failure::response),
            Incoming::Http2(body) => Pin::new(body).poll_frame(cx),
        });
        match frame {
            Some(Ok(_)) => self.end_with_the_body(),
            Some(Err(_)) | None => {
                if let Some(lease) = self.lease.take() {
                    lease.end();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Incoming::Http1(body) => body.is_end_stream(),
            Incoming::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Incoming::Http1(body) => body.size_hint(),
            Incoming::Http2(body) => body.size_hint(),
        }
    }
}
