//! Connections: TCP, TLS, the pool, and what a failure of theirs is as a status.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::Protocol;

type BoxError = Box<dyn Error + Send + Sync>;

/// The pool of connections of one channel.
pub(super) type HttpClient = Client<Connector, Body>;

/// How often the kernel asks a silent peer whether it still lives. Without it, a stream without a deadline would wait
/// for ever on a peer whose machine is gone.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The client for `protocol`; certificate authorities are read only when `tls` asks for them.
pub(super) fn http_client(
    protocol: Protocol,
    tls: bool,
    connect_timeout: Duration,
) -> io::Result<HttpClient> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = if tls {
        config.with_native_roots()?.with_no_client_auth()
    } else {
        config
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    let builder = if tls {
        builder.https_only()
    } else {
        builder.https_or_http()
    };

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));

    let http2_only = protocol == Protocol::Grpc;
    let inner = if http2_only {
        builder.enable_http2().wrap_connector(tcp)
    } else {
        builder.enable_http1().enable_http2().wrap_connector(tcp)
    };
    Ok(Client::builder(TokioExecutor::new())
        .http2_only(http2_only)
        .pool_timer(TokioTimer::new())
        .build(Connector {
            inner,
            timeout: connect_timeout,
        }))
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
    let mut status = if error.is_connect() {
        Status::unavailable(format!("cannot connect to {server}: {reason}"))
    } else {
        Status::unavailable(format!(
            "the connection to {server} failed before it answered: {reason}"
        ))
    };
    status.set_source(Arc::new(error));
    status
}

/// A response that broke off.
pub(super) fn response_failed(error: hyper::Error) -> Status {
    let mut status = Status::unavailable(format!(
        "the connection failed amid the response: {}",
        root_cause(&error)
    ));
    status.set_source(Arc::new(error));
    status
}

/// The innermost error has the words of the operating system or of TLS; what wraps it only names layers.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
