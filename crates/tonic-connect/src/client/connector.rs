//! How one connection is made: name lookup, TCP, TLS, and the beginning of HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tower_service::Service;

use super::http1::Http1;
use super::http2::{self, Http2};
use super::transport::BoxError;
use super::{ChannelError, HttpVersion, Protocol, tls};

/// How often the kernel asks a silent peer whether it still lives. Without it, a stream without a deadline would wait
/// for ever on a peer whose machine is gone.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The smallest buffer that hyper takes for HTTP/1.1, in bytes.
const MIN_HTTP1_BUFFER: usize = 8 * 1024;

const NO_HTTP2: &str = "the server does not take HTTP/2 over TLS, since it does not negotiate `h2`; Connect and gRPC-Web \
                        go over HTTP/1.1 as well";

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) version: HttpVersion,
    pub(super) connect_timeout: Duration,
    /// How long an idle one is kept; for ever when none.
    pub(super) idle_timeout: Option<Duration>,
    /// How many idle ones are kept.
    pub(super) max_idle: usize,
    /// The most bytes of the headers of a response, and of its trailers.
    pub(super) max_header_bytes: u32,
    /// How often HTTP/2 asks a silent peer whether it still lives, and how long it waits for the answer.
    pub(super) ping: Option<(Duration, Duration)>,
}

/// Who decides the HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
    /// TLS, and so the server.
    Negotiated,
}

/// One connection, ready for a request.
pub(super) enum Connection {
    /// For one exchange at a time.
    Http1(Http1),
    /// For any number at once; who counts its holders knows whether it is in use.
    Http2(Arc<Http2>),
}

/// Makes connections, to any server.
#[derive(Clone)]
pub(super) struct Connector {
    stream: HttpsConnector<HttpConnector>,
    timeout: Duration,
    version: Version,
    http1: http1::Builder,
    http2: http2::Settings,
}

impl Connections {
    /// The connector for `protocol`, with TLS when `tls` says how.
    pub(super) fn connector(
        &self,
        protocol: Protocol,
        tls: Option<ClientConfig>,
    ) -> Result<Connector, ChannelError> {
        let version = match (self.version, protocol) {
            (HttpVersion::Http1, Protocol::Grpc) => return Err(ChannelError::HttpVersion),
            (HttpVersion::Http2, _) | (HttpVersion::Auto, Protocol::Grpc) => Version::Http2,
            (HttpVersion::Auto, _) if tls.is_some() => Version::Negotiated,
            (HttpVersion::Auto | HttpVersion::Http1, _) => Version::Http1,
        };
        let builder = HttpsConnectorBuilder::new();
        let builder = match tls {
            Some(config) => builder.with_tls_config(config).https_only(),
            None => builder.with_tls_config(tls::none()?).https_or_http(),
        };

        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));

        let mut http1 = http1::Builder::new();
        http1.max_buf_size((self.max_header_bytes as usize).max(MIN_HTTP1_BUFFER));
        Ok(Connector {
            stream: match version {
                Version::Http1 => builder.enable_http1().wrap_connector(tcp),
                Version::Http2 => builder.enable_http2().wrap_connector(tcp),
                Version::Negotiated => builder.enable_all_versions().wrap_connector(tcp),
            },
            timeout: self.connect_timeout,
            version,
            http1,
            http2: http2::Settings::new(self.max_header_bytes, self.ping),
        })
    }
}

impl Connector {
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Connects to the scheme, host and port of `server`. A task goes on to drive the connection, for as long as somebody
    /// holds what is returned or awaits a response of it.
    pub(super) async fn connect(mut self, server: Uri) -> Result<Connection, BoxError> {
        let tls = server.scheme() == Some(&Scheme::HTTPS);
        let timeout = self.timeout;
        let stream = tokio::time::timeout(timeout, self.stream.call(server))
            .await
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no connection within {timeout:?}"),
                )
            })??;
        let negotiated = stream.connected().is_negotiated_h2();
        let http2 = match self.version {
            Version::Http1 => false,
            // RFC 9113 section 3.3: over TLS it is negotiated, and who does not do so speaks something else.
            Version::Http2 if tls && !negotiated => return Err(NO_HTTP2.into()),
            Version::Http2 => true,
            Version::Negotiated => negotiated,
        };
        if http2 {
            let connection = Http2::handshake(TokioIo::new(stream), &self.http2).await?;
            return Ok(Connection::Http2(Arc::new(connection)));
        }
        let connection = Http1::handshake(stream, &self.http1).await?;
        Ok(Connection::Http1(connection))
    }
}
