//! What a channel is told before it exists.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use tonic::Status;
use tonic::body::Body;

use super::base_url::{self, without_credentials};
use super::channel::{Channel, Shared};
use super::connector::Connections;
use super::interceptor::Interceptors;
use super::pool::Pool;
use super::request::Packing;
use super::tls::Tls;
use super::token::{TokenSource, bearer};
use super::transport::{BoxError, Transport};
use super::{ChannelError, Encoding, HttpVersion, Protocol};
use crate::compression::Compression;
use crate::error::is_reserved;
use crate::schema::Service;

/// As large as tonic's clients decode by default: so an answer that is too large gets the channel's error, with the
/// code that the specifications give it, and not tonic's `out_of_range`.
const DEFAULT_MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Errors with details are headers in gRPC; those of a large request that is wrong all over are long. What hyper takes
/// over HTTP/1.1 by default.
const DEFAULT_MAX_HEADER_BYTES: u32 = 400 * 1024;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Below what servers and proxies commonly take, which is 8 KiB for the whole request line.
const DEFAULT_MAX_URL_BYTES: usize = 8000;
const DEFAULT_COMPRESS_MIN_BYTES: usize = 1024;
const DEFAULT_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tonic-connect/", env!("CARGO_PKG_VERSION")));

/// Builds a [`Channel`]; see there for an example.
#[must_use]
#[derive(Clone)]
pub struct Builder {
    base: String,
    protocol: Protocol,
    services: Vec<&'static Service>,
    headers: Vec<(String, String)>,
    bearer_token: Option<String>,
    token_source: Option<TokenSource>,
    pub(super) interceptors: Interceptors,
    user_agent: Option<String>,
    timeout: Option<Duration>,
    tls: Tls,
    connections: Connections,
    send_compressed: Option<Encoding>,
    compress_min_bytes: usize,
    accept_compressed: Vec<Encoding>,
    max_response_bytes: usize,
    max_url_bytes: usize,
}

/// Shows no header value and no key: any may be secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("base", &without_credentials(&self.base))
            .field("protocol", &self.protocol)
            .field("timeout", &self.timeout)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(base: String) -> Self {
        Self {
            base,
            protocol: Protocol::default(),
            services: Vec::new(),
            headers: Vec::new(),
            bearer_token: None,
            token_source: None,
            interceptors: Interceptors::default(),
            user_agent: None,
            timeout: None,
            tls: Tls::default(),
            connections: Connections {
                version: HttpVersion::default(),
                connect_timeout: DEFAULT_CONNECT_TIMEOUT,
                idle_timeout: Some(DEFAULT_IDLE_TIMEOUT),
                max_idle: usize::MAX,
                max_header_bytes: DEFAULT_MAX_HEADER_BYTES,
                ping: None,
            },
            send_compressed: None,
            compress_min_bytes: DEFAULT_COMPRESS_MIN_BYTES,
            accept_compressed: Encoding::ALL.to_vec(),
            max_response_bytes: DEFAULT_MAX_RESPONSE_BYTES,
            max_url_bytes: DEFAULT_MAX_URL_BYTES,
        }
    }

    /// Makes the methods of `service` known to the channel. tonic's clients need it over Connect, which must know the
    /// kind of each method; over gRPC and gRPC-Web it makes the channel see to it that a method which answers once
    /// does. Our own generated clients need it not. May be called for any number of services.
    pub fn service(mut self, service: &'static Service) -> Self {
        self.services.push(service);
        self
    }

    /// What to speak; [`Protocol::Connect`] unless it is set.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Which HTTP carries it; [`HttpVersion::Auto`] unless it is set.
    pub fn http_version(mut self, version: HttpVersion) -> Self {
        self.connections.version = version;
        self
    }

    /// Sends `Authorization: Bearer TOKEN` with every call that has no `authorization` metadata of its own.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.bearer_token = Some(token.into());
        self.token_source = None;
        self
    }

    /// Like [`bearer_token`](Self::bearer_token), but `source` is asked for the token at the beginning of each call,
    /// within the call's deadline: keep a token there that is still good. Its error is the call's.
    ///
    /// ```no_run
    /// use tonic_connect::Channel;
    ///
    /// let channel = Channel::builder("https://greet.example")
    ///     .bearer_token_from(|| async { Ok(std::env::var("GREET_TOKEN").unwrap_or_default()) })
    ///     .build()?;
    /// # Ok::<(), tonic_connect::ChannelError>(())
    /// ```
    pub fn bearer_token_from<F, T>(mut self, source: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Status>> + Send + 'static,
    {
        self.token_source = Some(TokenSource::new(source));
        self.bearer_token = None;
        self
    }

    /// Sends a header with every call that has no metadata of the same name. For a name that was given before, both
    /// values are sent. Headers by which HTTP and the protocols say how a message is sent (`content-length`,
    /// `grpc-timeout`, …) are refused: the channel writes them, and drops them from the metadata of calls.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The `User-Agent`; `tonic-connect/VERSION` unless it is set.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// The timeout of a call that sets none itself (with [`tonic::Request::set_timeout`]), from its beginning to the
    /// last byte of its response. None unless it is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long name lookup, TCP and TLS may take together; 10 s unless it is set. A peer that then says nothing is
    /// waited for until the call's deadline; over HTTP/2 [`http2_keep_alive`](Self::http2_keep_alive) finds it out.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connections.connect_timeout = timeout;
        self
    }

    /// How long a connection is kept that nobody uses; 90 s unless it is set, for ever with `None`.
    pub fn pool_idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connections.idle_timeout = timeout;
        self
    }

    /// How many HTTP/1.1 connections are kept that nobody uses (HTTP/2 needs one in all); 0 keeps none. No limit
    /// unless it is set.
    pub fn pool_max_idle(mut self, connections: usize) -> Self {
        self.connections.max_idle = connections;
        self
    }

    /// Asks the peer of an HTTP/2 connection in use whether it still lives, every `interval`, and closes the connection
    /// when no answer comes within `timeout`. Off unless it is set: some servers close connections that ask too often.
    pub fn http2_keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.connections.ping = Some((interval, timeout));
        self
    }

    /// Trusts servers whose certificates these authorities signed (one or more certificates, PEM), and no others; the
    /// system's authorities unless it is set.
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.authorities = Some(pem.into());
        self
    }

    /// Shows servers that ask for it a client certificate: the chain, its own first, and its private key, both PEM.
    pub fn client_certificate(
        mut self,
        chain_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls.identity = Some((chain_pem.into(), key_pem.into()));
        self
    }

    /// Compresses request messages with `encoding`, which the server must know. They go as they are unless it is set.
    pub fn send_compressed(mut self, encoding: Encoding) -> Self {
        self.send_compressed = Some(encoding);
        self
    }

    /// Request messages below so many bytes are not compressed; 1 KiB unless it is set.
    pub fn compress_min_bytes(mut self, bytes: usize) -> Self {
        self.compress_min_bytes = bytes;
        self
    }

    /// The encodings that responses may have, the liked ones first; [`Encoding::ALL`] unless it is set. The channel
    /// unpacks them itself, within [`max_response_bytes`](Self::max_response_bytes), so what tonic's client says with
    /// `accept_compressed` is of no consequence.
    pub fn accept_compressed(mut self, encodings: impl IntoIterator<Item = Encoding>) -> Self {
        self.accept_compressed = encodings.into_iter().collect();
        self
    }

    /// The most bytes that one message of a response may have, as it comes and after decompression. A larger one ends
    /// the call with `resource_exhausted`. 4 MiB unless it is set; tonic's own limit is the same by default, so to take
    /// larger ones raise `max_decoding_message_size` of tonic's client too (our generated clients leave it to the
    /// channel).
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// The most bytes that the headers of a response may have, and its trailers, error details of gRPC among them;
    /// 400 KiB unless it is set. Over HTTP/1.1 no less than 8 KiB. A larger head is an error of the connection.
    pub fn max_header_bytes(mut self, bytes: u32) -> Self {
        self.connections.max_header_bytes = bytes;
        self
    }

    /// The longest path and query of a call that is sent as GET; one that would be longer is sent as POST. 8,000 bytes
    /// unless it is set.
    pub fn max_url_bytes(mut self, bytes: usize) -> Self {
        self.max_url_bytes = bytes;
        self
    }

    /// Makes the channel. It connects when it is first called.
    ///
    /// # Errors
    /// [`ChannelError`], when the URL, a header, the token, a certificate or a key cannot be used, or when the
    /// certificate authorities that an `https` URL needs cannot be read.
    pub fn build(self) -> Result<Channel, ChannelError> {
        let (scheme, authority, _) = base_url::parse(&self.base)?;
        let tls = match scheme == Scheme::HTTPS {
            true => Some(self.tls.config()?),
            false => None,
        };
        let connector = self.connections.connector(self.protocol, tls)?;
        let kept = (self.connections.idle_timeout, self.connections.max_idle);
        let pool =
            Pool::new(connector, kept, (scheme, authority)).map_err(|_| ChannelError::Url {
                url: without_credentials(&self.base),
                reason: "is not a URL",
            })?;
        self.settle(Transport::Http(Box::new(pool)))
    }

    /// Makes a channel that calls `service` in this process instead of a server behind a network: a generated
    /// `FooConnect`, a router of tonic or axum, or something of a test's. What there is to say of connections and TLS
    /// is of no consequence then; the base URL's path still goes before the path of every method.
    ///
    /// # Errors
    /// [`ChannelError`], when the URL, a header or the token cannot be used.
    pub fn build_over<S, B>(self, service: S) -> Result<Channel, ChannelError>
    where
        S: tower_service::Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.settle(Transport::over(service))
    }

    fn settle(self, transport: Transport) -> Result<Channel, ChannelError> {
        let (scheme, authority, prefix) = base_url::parse(&self.base)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let header = header_name(name)?;
            if is_reserved(&header) {
                return Err(ChannelError::Reserved { name: header });
            }
            headers.append(header, header_value(name, value)?);
        }
        if let Some(token) = &self.bearer_token {
            let value = bearer(token).ok_or_else(|| unsendable("authorization"))?;
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(agent) = &self.user_agent {
            headers.insert(USER_AGENT, header_value("user-agent", agent)?);
        }
        headers.entry(USER_AGENT).or_insert(DEFAULT_USER_AGENT);
        let methods: HashMap<_, _> = self
            .services
            .iter()
            .flat_map(|service| service.methods)
            .map(|method| (method.path, method))
            .collect();
        let accepted: Vec<Compression> = self
            .accept_compressed
            .into_iter()
            .map(Encoding::compression)
            .collect();
        Ok(Channel::new(Shared {
            transport,
            scheme,
            authority,
            prefix,
            protocol: self.protocol,
            methods,
            headers,
            token: self.token_source,
            interceptors: self.interceptors,
            timeout: self.timeout,
            max_response_bytes: self.max_response_bytes,
            max_url_bytes: self.max_url_bytes,
            packing: Packing {
                compression: self
                    .send_compressed
                    .map_or(Compression::Identity, Encoding::compression),
                min_bytes: self.compress_min_bytes,
            },
            accepted_header: accepted_header(&accepted),
            accepted,
        }))
    }
}

/// The list of encodings for a header; none when there are none.
fn accepted_header(accepted: &[Compression]) -> Option<HeaderValue> {
    let names: Vec<_> = accepted
        .iter()
        .filter_map(|compression| compression.header_value())
        .collect();
    let names: Vec<_> = names.iter().filter_map(|name| name.to_str().ok()).collect();
    (!names.is_empty())
        .then(|| HeaderValue::try_from(names.join(", ")).ok())
        .flatten()
}

fn header_name(name: &str) -> Result<HeaderName, ChannelError> {
    HeaderName::try_from(name).map_err(|_| unsendable(name))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, ChannelError> {
    HeaderValue::try_from(value).map_err(|_| unsendable(name))
}

fn unsendable(name: &str) -> ChannelError {
    ChannelError::Header {
        name: name.to_owned(),
    }
}
