//! What carries a channel's requests: connections of its own, or a service in the same process.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::failure;
use super::lease::Received;
use super::pool::Pool;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, BoxError>> + Send>>;

pub(super) enum Transport {
    Http(Box<Pool>),
    Service(Box<dyn Exchange>),
}

impl Transport {
    pub(super) fn over<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::Service(Box::new(InProcess(service)))
    }

    /// Sends `request` to the channel's server, and awaits the head of the response.
    pub(super) async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Incoming>, Status> {
        match self {
            Self::Http(pool) => Ok(pool.send(request).await?.map(Incoming::Http)),
            Self::Service(service) => service.send(request).await,
        }
    }

    /// Sends `request` to the server that its URI names, over a connection of its own.
    pub(super) async fn send_elsewhere(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Incoming>, Status> {
        match self {
            Self::Http(pool) => {
                let pool = pool.elsewhere(request.uri())?;
                Ok(pool.send(request).await?.map(Incoming::Http))
            }
            Self::Service(service) => service.send(request).await,
        }
    }
}

impl dyn Exchange {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Incoming>, Status> {
        match self.exchange(request).await {
            Ok(response) => Ok(response.map(Incoming::Service)),
            Err(error) => Err(failure::service(error)),
        }
    }
}

/// One request, one response: a service whose type is not known.
pub(super) trait Exchange: Send + Sync {
    fn exchange(&self, request: http::Request<Body>) -> Answer;
}

struct InProcess<S>(S);

impl<S, B> Exchange for InProcess<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn exchange(&self, request: http::Request<Body>) -> Answer {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            Ok(response.map(Body::new))
        })
    }
}

/// The body of a response, as it comes.
pub(super) enum Incoming {
    Http(Received),
    Service(Body),
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.get_mut() {
            Self::Http(body) => Pin::new(body).poll_frame(cx),
            Self::Service(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http(body) => body.is_end_stream(),
            Self::Service(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http(body) => body.size_hint(),
            Self::Service(body) => body.size_hint(),
        }
    }
}
