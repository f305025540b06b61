//! The channel itself: takes the gRPC request of tonic's client, and sends it in the protocol that it was built for.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::uri::{self, Authority, PathAndQuery, Scheme, Uri};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::answer::Answer;
use super::call::{Call, CallOptions};
use super::interceptor::Interceptors;
use super::request::Packing;
use super::token::TokenSource;
use super::transport::Transport;
use super::{Builder, Protocol, connect, grpc};
use crate::compression::Compression;
use crate::schema::Method;
use crate::timeout;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static(timeout::GRPC_TIMEOUT);

/// A pool of connections to one server, for any number of tonic's generated clients.
///
/// Clones share the pool and cost little. Calls on one channel run side by side. A connection lives in the runtime of a
/// call that wanted one: it ends with that runtime, and stands still for as long as nothing drives it.
///
/// ```no_run
/// # use tonic_connect::schema::Service;
/// # static SERVICE: Service = Service { name: "greet.v1.GreetService", methods: &[] };
/// # struct GreetServiceClient; impl GreetServiceClient { fn new(_: tonic_connect::Channel) {} }
/// use std::time::Duration;
/// use tonic_connect::Channel;
///
/// let channel = Channel::builder("https://greet.example/api")
///     .service(&SERVICE) // generated: `greet_service_connect::SERVICE`
///     .bearer_token(std::env::var("GREET_TOKEN")?)
///     .timeout(Duration::from_secs(30))
///     .build()?;
/// let client = GreetServiceClient::new(channel);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

/// What the builder settled.
pub(super) struct Shared {
    pub(super) transport: Transport,
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// The path of the base URL, without a slash at its end.
    pub(super) prefix: String,
    pub(super) protocol: Protocol,
    pub(super) methods: HashMap<&'static str, &'static Method>,
    pub(super) headers: HeaderMap,
    pub(super) token: Option<TokenSource>,
    pub(super) interceptors: Interceptors,
    pub(super) timeout: Option<Duration>,
    pub(super) max_response_bytes: usize,
    pub(super) max_url_bytes: usize,
    pub(super) packing: Packing,
    /// The encodings of responses that are read, and the header that says so.
    pub(super) accepted: Vec<Compression>,
    pub(super) accepted_header: Option<HeaderValue>,
}

/// Shows no header: any may be secret.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.shared;
        f.debug_struct("Channel")
            .field(
                "base",
                &format_args!("{}://{}{}", shared.scheme, shared.authority, shared.prefix),
            )
            .field("protocol", &shared.protocol)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// Begins a channel to the server at `base`: an `http` or `https` URL as text or as [`http::Uri`], whose path, if it
    /// has one, goes before the path of every method.
    pub fn builder(base: impl fmt::Display) -> Builder {
        Builder::new(base.to_string())
    }

    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A call of tonic's client.
    async fn execute(self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        let options = parts.extensions.get::<CallOptions>().copied();
        let call = self.begin(parts.uri, parts.headers, options).await?;
        match call.channel.shared.protocol {
            Protocol::Connect => connect::call(call, body).await,
            Protocol::Grpc => grpc::call(call, body, &grpc::GRPC).await,
            Protocol::GrpcWeb => grpc::call(call, body, &grpc::GRPC_WEB).await,
        }
    }

    /// A call of one message each way, which is in `frame`.
    pub(super) async fn answer(
        &self,
        options: CallOptions,
        metadata: HeaderMap,
        frame: Bytes,
    ) -> Result<Answer, Status> {
        let path = Uri::from(PathAndQuery::from_static(options.method.path));
        let call = self.clone().begin(path, metadata, Some(options)).await?;
        match self.shared.protocol {
            Protocol::Connect => connect::answer(call, frame).await,
            Protocol::Grpc => grpc::answer(call, frame, &grpc::GRPC).await,
            Protocol::GrpcWeb => grpc::answer(call, frame, &grpc::GRPC_WEB).await,
        }
    }

    /// Adds to a call what the channel has for all.
    async fn begin(
        self,
        path: Uri,
        headers: HeaderMap,
        options: Option<CallOptions>,
    ) -> Result<Call, Status> {
        let headers = self.shared.interceptors.see(headers)?;
        let timeout = match headers.get(&GRPC_TIMEOUT) {
            Some(value) => Some(
                timeout::parse_grpc(value).map_err(|error| Status::internal(error.to_string()))?,
            ),
            None => self.shared.timeout,
        };
        let mut call = Call::new(self, path, headers, options, timeout);
        call.channel.shared.add_headers(&mut call.headers);
        if let Some(token) = call.channel.shared.token.clone()
            && !call.headers.contains_key(AUTHORIZATION)
        {
            let token = call.deadline.cover(token.header()).await?;
            call.insert(AUTHORIZATION, token);
        }
        Ok(call)
    }
}

impl Shared {
    /// The method at `path`, before whose service and name tonic's `with_origin` may have put another path.
    pub(super) fn method(&self, path: &str) -> Option<&'static Method> {
        let own = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at);
        self.methods.get(&path[own..]).copied()
    }

    /// The channel's headers, where the call has none of the name.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            if !headers.contains_key(name) {
                for value in self.headers.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
        }
    }

    /// Whether `uri` has the base URL's scheme, host and port.
    pub(super) fn is_origin_of(&self, uri: &Uri) -> bool {
        let port = |scheme: &Scheme, authority: &Authority| match authority.port_u16() {
            Some(port) => port,
            None if *scheme == Scheme::HTTPS => 443,
            None => 80,
        };
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) => {
                *scheme == self.scheme
                    && authority.host().eq_ignore_ascii_case(self.authority.host())
                    && port(scheme, authority) == port(&self.scheme, &self.authority)
            }
            _ => false,
        }
    }

    pub(super) fn uri(&self, path: &Uri) -> Result<Uri, Status> {
        let path = match (path.path_and_query(), self.prefix.as_str()) {
            (Some(path), "") => path.clone(),
            (path, prefix) => PathAndQuery::try_from(format!(
                "{prefix}{}",
                path.map_or("/", PathAndQuery::as_str)
            ))
            .map_err(|error| Status::internal(format!("the method's path is not one: {error}")))?,
        };
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts)
            .map_err(|error| Status::internal(format!("the method's path is not one: {error}")))
    }
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().execute(request))
    }
}
