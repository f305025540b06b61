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

use super::connector::{self, HttpClient};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, BoxError>> + Send>>;

pub(super) enum Transport {
    Http(Box<HttpClient>),
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

    /// Sends `request` to `server`, and awaits the head of the response.
    pub(super) async fn send(
        &self,
        request: http::Request<Body>,
        server: &str,
    ) -> Result<http::Response<Incoming>, Status> {
        match self {
            Self::Http(client) => match client.request(request).await {
                Ok(response) => Ok(response.map(Incoming::Http)),
                Err(error) => Err(connector::request_failed(error, server)),
            },
            Self::Service(service) => match service.exchange(request).await {
                Ok(response) => Ok(response.map(Incoming::Service)),
                Err(error) => Err(connector::service_failed(error)),
            },
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
#[derive(Debug)]
pub(super) enum Incoming {
    Http(hyper::body::Incoming),
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
            Self::Http(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(connector::response_failed),
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
