//! Refusals of what stands in front of a service, in the caller's protocol.
//!
//! tonic's interceptors, and layers made for tonic, answer with gRPC's "Trailers-Only" response whatever their caller
//! speaks. A client of Connect takes that for a success without a message, one of gRPC-Web for a wrong content type.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Either;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::Body;
use super::negotiate::wire_of_any;
use super::protocol::Wire;
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
        Rejections { inner }
    }
}

/// A service behind a [`RejectionLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Rejections<S> {
    inner: S,
}

impl<S: tonic::server::NamedService> tonic::server::NamedService for Rejections<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, C> Service<Request<B>> for Rejections<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    C: http_body::Body<Data = Bytes>,
{
    type Response = Response<Either<Body, C>>;
    type Error = S::Error;
    type Future = RejectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let wire = wire_of_any(request.method(), request.headers());
        RejectionFuture {
            wire: Caller(wire),
            response: self.inner.call(request),
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
        #[pin]
        response: F,
    }
}

impl<F, C, E> Future for RejectionFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
    C: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<Either<Body, C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        Poll::Ready(Ok(translate(this.wire.0, response)))
    }
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
