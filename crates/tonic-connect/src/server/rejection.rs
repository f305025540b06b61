//! Refusals of what stands in front of a service, in the caller's protocol.
//!
//! tonic's interceptors, and layers made for tonic, answer with gRPC's "Trailers-Only" response whatever their caller
//! speaks. A client of Connect takes that for a success without a message, one of gRPC-Web for a wrong content type.
//! Layers of tower refuse with an error, which closes the connection or resets the stream.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Either;
use pin_project_lite::pin_project;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::negotiate::wire_of_any;
use super::protocol::Wire;
use super::{Body, BoxError};
use crate::error::parse_grpc_trailers;

/// Writes the refusals of interceptors, and of layers made for tonic, in the protocol of the caller. It goes around
/// them, outermost:
///
/// ```
/// use tonic::service::interceptor::InterceptedService;
/// use tonic::{Request, Status};
/// use tonic_connect::server::RejectionLayer;
/// use tower_layer::Layer;
///
/// fn with_token<S>(service: S) -> impl Sized {
///     let intercepted = InterceptedService::new(service, |request: Request<()>| {
///         match request.metadata().get("authorization") {
///             Some(token) if token == "Bearer open sesame" => Ok(request),
///             _ => Err(Status::unauthenticated("the bearer token is wrong")),
///         }
///     });
///     RejectionLayer::new().layer(intercepted)
/// }
/// # with_token(());
/// ```
///
/// An error of a layer is answered as well: with the [`Status`] that it is, or that tonic knows for it, else with
/// `unknown` and its text. So a service behind tower's time limit, load shedding or buffer does not fail, and mounts
/// where services must not.
///
/// Every other response is left as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct RejectionLayer(());

impl RejectionLayer {
    /// The layer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RejectionLayer {
    type Service = Rejections<S>;

    fn layer(&self, inner: S) -> Rejections<S> {
        Rejections {
            inner,
            broken: None,
        }
    }
}

/// A service behind a [`RejectionLayer`].
#[derive(Clone, Debug)]
pub struct Rejections<S> {
    inner: S,
    /// Why it cannot take a call, which is the answer to the next one.
    broken: Option<Status>,
}

impl<S: tonic::server::NamedService> tonic::server::NamedService for Rejections<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, C> Service<Request<B>> for Rejections<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    S::Error: Into<BoxError>,
    C: http_body::Body<Data = Bytes>,
{
    type Response = Response<Either<Body, C>>;
    type Error = Infallible;
    type Future = RejectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.broken = ready!(self.inner.poll_ready(cx)).err().map(refusal);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let wire = wire_of_any(request.method(), request.headers());
        let broken = self.broken.take();
        RejectionFuture {
            wire: Caller(wire),
            response: broken.is_none().then(|| self.inner.call(request)),
            broken,
        }
    }
}

/// What the caller speaks.
#[derive(Clone, Copy)]
struct Caller(&'static Wire);

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.content_type.fmt(f)
    }
}

pin_project! {
    /// The response of a service behind a [`RejectionLayer`].
    #[derive(Debug)]
    pub struct RejectionFuture<F> {
        wire: Caller,
        // None where there is a refusal already.
        #[pin]
        response: Option<F>,
        broken: Option<Status>,
    }
}

impl<F, C, E> Future for RejectionFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
    E: Into<BoxError>,
    C: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<Either<Body, C>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let wire = this.wire.0;
        let answer = match (this.broken.take(), this.response.as_pin_mut()) {
            (Some(status), _) => Err(status),
            (None, Some(response)) => ready!(response.poll(cx)).map_err(refusal),
            (None, None) => return Poll::Pending,
        };
        Poll::Ready(Ok(match answer {
            Ok(response) => translate(wire, response),
            Err(status) => wire.protocol.failure(wire, &status).map(Either::Left),
        }))
    }
}

/// The status that an error of a layer stands for.
fn refusal(error: impl Into<BoxError>) -> Status {
    Status::from_error(error.into())
}

/// The response for a caller of `wire`.
fn translate<C>(wire: &'static Wire, response: Response<C>) -> Response<Either<Body, C>> {
    let headers = response.headers();
    // Ours say so in the content type of their caller.
    let foreign = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it == "application/grpc" && it != wire.content_type);
    let rejection = match foreign {
        true => parse_grpc_trailers(headers).and_then(Result::err),
        false => None,
    };
    let Some(status) = rejection else {
        return response.map(Either::Right);
    };
    let (head, _) = response.into_parts();
    let mut translated = wire.protocol.failure(wire, &status).map(Either::Left);
    *translated.extensions_mut() = head.extensions;
    translated
}
