//! Connections: TCP, TLS, the pool, and what a failure of theirs is as a status.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use super::transport::BoxError;
use super::{ChannelError, HttpVersion, Protocol, tls};

/// The pool of connections of one channel.
pub(super) type HttpClient = Client<Connector, Body>;

/// How often the kernel asks a silent peer whether it still lives. Without it, a stream without a deadline would wait
/// for ever on a peer whose machine is gone.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The smallest buffer that hyper takes for HTTP/1.1, in bytes.
const MIN_HTTP1_BUFFER: usize = 8 * 1024;

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

impl Connections {
    /// The client for `protocol`, with TLS when `tls` says how.
    pub(super) fn client(
        &self,
        protocol: Protocol,
        tls: Option<ClientConfig>,
    ) -> Result<HttpClient, ChannelError> {
        let http2_only = match self.version {
            HttpVersion::Auto => protocol == Protocol::Grpc,
            HttpVersion::Http1 if protocol == Protocol::Grpc => {
                return Err(ChannelError::HttpVersion);
            }
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
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

        let inner = if http2_only {
            builder.enable_http2().wrap_connector(tcp)
        } else if self.version == HttpVersion::Http1 {
            builder.enable_http1().wrap_connector(tcp)
        } else {
            builder.enable_http1().enable_http2().wrap_connector(tcp)
        };
        let mut client = Client::builder(TokioExecutor::new());
        client
            .http2_only(http2_only)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.max_idle)
            .http1_max_buf_size((self.max_header_bytes as usize).max(MIN_HTTP1_BUFFER))
            .http2_max_header_list_size(self.max_header_bytes);
        if let Some((interval, timeout)) = self.ping {
            client
                .http2_keep_alive_interval(interval)
                .http2_keep_alive_timeout(timeout);
        }
        Ok(client.build(Connector {
            inner,
            timeout: self.connect_timeout,
        }))
    }
}

/// Opens connections; name lookup, TCP and TLS together within `timeout`.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = self.timeout;
        let connecting = tokio::time::timeout(timeout, self.inner.call(uri));
        Box::pin(async move {
            match connecting.await {
                Ok(result) => result,
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no connection within {timeout:?}"),
                )
                .into()),
            }
        })
    }
}

/// A request that got no response: the connection could not be made, or broke. Either way the server may be back soon.
pub(super) fn request_failed(error: hyper_util::client::legacy::Error, server: &str) -> Status {
    let reason = root_cause(&error);
    let mut status = match known_status(&error) {
        Some(status) => status,
        None if error.is_connect() => {
            Status::unavailable(format!("cannot connect to {server}: {reason}"))
        }
        None => Status::unavailable(format!(
            "the connection to {server} failed before it answered: {reason}"
        )),
    };
    status.set_source(Arc::new(error));
    status
}

/// A response that broke off.
pub(super) fn response_failed(error: hyper::Error) -> Status {
    let mut status = known_status(&error).unwrap_or_else(|| {
        Status::unavailable(format!(
            "the connection failed amid the response: {}",
            root_cause(&error)
        ))
    });
    status.set_source(Arc::new(error));
    status
}

/// A service in the same process that did not answer.
pub(super) fn service_failed(error: BoxError) -> Status {
    known_status(error.as_ref())
        .unwrap_or_else(|| Status::unavailable(format!("the service failed: {error}")))
}

/// What a cause says that is more than a broken connection: a status of the request's own, or the reason why the server
/// reset the stream, in the words of gRPC's table (which Connect has no other for).
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors>
fn known_status(error: &(dyn Error + 'static)) -> Option<Status> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Some(status.clone());
        }
        if let Some(reason) = error
            .downcast_ref::<h2::Error>()
            .filter(|error| error.is_reset())
            .and_then(h2::Error::reason)
        {
            let code = match reason {
                h2::Reason::CANCEL => Code::Cancelled,
                h2::Reason::REFUSED_STREAM => Code::Unavailable,
                h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
                h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
                h2::Reason::STREAM_CLOSED => Code::Unknown,
                _ => Code::Internal,
            };
            return Some(Status::new(code, format!("the stream was reset: {reason}")));
        }
        cause = error.source();
    }
    None
}

/// The innermost error has the words of the operating system or of TLS; what wraps it only names layers.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
