//! What browsers ask before they let a page of another origin call, answered for all three protocols.
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Headers that the protocols' clients send.
const REQUEST: [HeaderName; 13] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    HeaderName::from_static("connect-accept-encoding"),
    HeaderName::from_static("connect-content-encoding"),
    HeaderName::from_static("connect-protocol-version"),
    HeaderName::from_static("connect-timeout-ms"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];

/// Headers that the protocols' clients read.
const RESPONSE: [HeaderName; 10] = [
    header::CONTENT_ENCODING,
    header::RETRY_AFTER,
    HeaderName::from_static("accept-post"),
    HeaderName::from_static("connect-accept-encoding"),
    HeaderName::from_static("connect-content-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// Lets pages of other origins call: what goes into a `tower_http::cors::CorsLayer` for Connect, gRPC-Web and plain
/// JSON.
///
/// ```
/// use http::{HeaderName, HeaderValue};
/// use tonic_connect::server::Cors;
///
/// let layer = Cors::origins([HeaderValue::from_static("https://app.example")])
///     .credentials()
///     .metadata([HeaderName::from_static("x-tenant")])
///     .layer();
/// ```
#[derive(Clone, Debug)]
pub struct Cors<C = NamedOrigins> {
    origin: AllowOrigin,
    credentials: bool,
    metadata: Vec<HeaderName>,
    max_age: Duration,
    origins: std::marker::PhantomData<C>,
}

/// The origins are named, so that pages of theirs may send credentials.
#[derive(Clone, Copy, Debug)]
pub enum NamedOrigins {}

/// Every origin may call, and no page sends credentials.
#[derive(Clone, Copy, Debug)]
pub enum AnyOrigin {}

impl Cors<AnyOrigin> {
    /// Pages of every origin, without credentials: for services that are open to everybody, or whose callers send a
    /// bearer token by themselves.
    #[must_use]
    pub fn any_origin() -> Self {
        Self::new(AllowOrigin::any())
    }
}

impl Cors<NamedOrigins> {
    /// Pages of these origins (`https://app.example`, a port only where it is not the usual one).
    pub fn origins(origins: impl IntoIterator<Item = HeaderValue>) -> Self {
        // `*` would stand for every origin: as one of a list it is none.
        let origins = origins.into_iter().filter(|origin| origin != "*");
        Self::new(AllowOrigin::list(origins))
    }

    /// Pages of the origins for which `allowed` says so, given the head of the request as well.
    pub fn origins_if<F>(allowed: F) -> Self
    where
        F: Fn(&HeaderValue, &Parts) -> bool + Clone + Send + Sync + 'static,
    {
        Self::new(AllowOrigin::predicate(allowed))
    }

    /// Lets browsers send cookies and client certificates along.
    #[must_use]
    pub fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }
}

impl<C> Cors<C> {
    fn new(origin: AllowOrigin) -> Self {
        Self {
            origin,
            credentials: false,
            metadata: Vec::new(),
            // The longest that a browser heeds.
            max_age: Duration::from_secs(2 * 60 * 60),
            origins: std::marker::PhantomData,
        }
    }

    /// Metadata of the application that pages send, and read as headers or as trailers.
    #[must_use]
    pub fn metadata(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.metadata.extend(names);
        self
    }

    /// How long a browser may remember the answer, in whole seconds. Two hours unless said otherwise.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The layer. It answers preflight requests itself, so it goes in front of what authenticates.
    pub fn layer(self) -> CorsLayer {
        let trailers = self
            .metadata
            .iter()
            .filter_map(|name| HeaderName::try_from(format!("trailer-{name}")).ok());
        let exposed: Vec<_> = RESPONSE
            .into_iter()
            .chain(self.metadata.iter().cloned())
            .chain(trailers)
            .collect();
        let allowed: Vec<_> = REQUEST.into_iter().chain(self.metadata.clone()).collect();
        CorsLayer::new()
            .allow_origin(self.origin)
            .allow_credentials(self.credentials)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(allowed)
            .expose_headers(exposed)
            .max_age(self.max_age)
    }
}
