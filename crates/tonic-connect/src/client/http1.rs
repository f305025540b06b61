//! HTTP/1.1: a connection for one exchange at a time, driven by hyper.

use std::time::Duration;

use http::Uri;
use http::header::{HOST, HeaderValue};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tonic::body::Body;

use super::lease::Unanswered;

/// How long a connection may take to be done with a request once the response is over: longer than one takes that is
/// about to, and no longer, since a server that has answered may never read the rest.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Http1 {
    sender: SendRequest<Body>,
    /// What drives the connection, for as long as there is an exchange or this.
    driver: AbortHandle,
}

impl Http1 {
    /// Begins HTTP/1.1. A task goes on to drive the connection.
    pub(super) async fn handshake(
        io: impl Read + Write + Unpin + Send + 'static,
        settings: &Builder,
    ) -> Result<Self, hyper::Error> {
        let (sender, connection) = settings.handshake(io).await?;
        let driver = tokio::spawn(async {
            // A request that this fails has the error.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(Self {
            sender,
            driver: driver.abort_handle(),
        })
    }

    /// Whether it takes no more requests.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether it is done with the last request and its response.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until it is done, or gives it up.
    pub(super) async fn becomes_ready(&mut self) -> bool {
        let ready = matches!(timeout(GRACE, self.sender.ready()).await, Ok(Ok(())));
        if !ready {
            self.driver.abort();
        }
        ready
    }

    /// Sends `request`, whose URI is whole, to `host`. When this is dropped, the connection is closed.
    pub(super) async fn send(
        &mut self,
        mut request: http::Request<Body>,
        host: &HeaderValue,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert_with(|| host.clone());
        // RFC 9112 section 3.2.1: the path and the query alone.
        let path = request.uri().path_and_query().cloned();
        let path = path.map_or_else(Uri::default, Uri::from);
        let whole = std::mem::replace(request.uri_mut(), path);
        self.sender
            .try_send_request(request)
            .await
            .map_err(|mut error| {
                let mut unsent = error.take_message();
                if let Some(unsent) = &mut unsent {
                    *unsent.uri_mut() = whole;
                    unsent.headers_mut().remove(HOST);
                }
                Unanswered {
                    error: error.into_error().into(),
                    unsent,
                }
            })
    }
}
