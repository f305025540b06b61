//! The listening side: HTTP/1.1 and HTTP/2 on one port, the latter with prior knowledge (h2c) or by ALPN.
//!
//! What a stranger can hold is bounded: the number of connections, the streams of each, the time before a request's
//! head has come, the time in which nothing moves though the server waits. Shutting down stops accepting, lets calls
//! end, and closes what is left.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::future::{Either, select};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::connection::{self, Terms};
use super::http::HttpTerms;
use super::{BoxError, ServerTls};

/// How long to wait before accepting again when the machine is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves a tower service on a TCP listener.
///
/// ```no_run
/// # async fn example<S, F>(service: S) -> std::io::Result<()>
/// # where
/// #     S: tower_service::Service<
/// #         http::Request<hyper::body::Incoming>,
/// #         Response = http::Response<tonic_connect::server::Body>,
/// #         Error = std::convert::Infallible,
/// #         Future = F,
/// #     > + Clone + Send + 'static,
/// #     F: Future<Output = Result<http::Response<tonic_connect::server::Body>, std::convert::Infallible>> + Send + 'static,
/// # {
/// use tonic_connect::transport::Server;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// Server::new().serve(listener, service, std::future::pending()).await
/// # }
/// ```
///
/// A handler finds the address of its client with [`tonic::Request::remote_addr`], and under TLS its certificates with
/// [`tonic::Request::peer_certs`].
#[derive(Clone, Debug)]
pub struct Server {
    tls: Option<ServerTls>,
    header_read_timeout: Duration,
    max_connections: usize,
    max_concurrent_streams: u32,
    max_connection_age: Option<Duration>,
    max_connection_age_grace: Duration,
    http1_keep_alive: bool,
    http2_keep_alive: Option<(Duration, Duration)>,
    tcp_keepalive: Option<Duration>,
    stall_timeout: Option<Duration>,
    drain: Duration,
}

impl Server {
    /// No TLS, 30 s for a request's head, 10,000 connections of 200 concurrent streams and of any age, HTTP/2 pings
    /// every 60 s to be answered in 20 s, TCP keep-alive after 60 s, 60 s for a peer to go on, 30 s to drain.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tls: None,
            header_read_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            max_concurrent_streams: 200,
            max_connection_age: None,
            max_connection_age_grace: Duration::from_secs(60),
            http1_keep_alive: true,
            // Finds peers that went away without a word, which would hold a slot for ever.
            http2_keep_alive: Some((Duration::from_secs(60), Duration::from_secs(20))),
            // The same for HTTP/1.1, which has no pings: a stream may be quiet for as long as it likes.
            tcp_keepalive: Some(Duration::from_secs(60)),
            stall_timeout: Some(Duration::from_secs(60)),
            drain: Duration::from_secs(30),
        }
    }

    /// Takes encrypted connections, and no others.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a connection may take to its first request (the TLS handshake included), and on HTTP/1.1 also from each
    /// request to the head of the next; then it is closed.
    #[must_use]
    pub const fn header_read_timeout(mut self, timeout: Duration) -> Self {
        self.header_read_timeout = timeout;
        self
    }

    /// The connections that are served at a time; others wait in the system's backlog. At least one.
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// The concurrent calls of one HTTP/2 connection.
    #[must_use]
    pub const fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.max_concurrent_streams = streams;
        self
    }

    /// How old a connection may become before it is asked to close (HTTP/2: GOAWAY; HTTP/1.1: after the call that
    /// runs), so that clients spread over new servers. Up to a tenth is taken off at random for each connection.
    #[must_use]
    pub const fn max_connection_age(mut self, age: Duration) -> Self {
        self.max_connection_age = Some(age);
        self
    }

    /// How long the calls on a connection that has reached its
    /// [`max_connection_age`](Self::max_connection_age) may go on before it is closed.
    #[must_use]
    pub const fn max_connection_age_grace(mut self, grace: Duration) -> Self {
        self.max_connection_age_grace = grace;
        self
    }

    /// Whether an HTTP/1.1 connection is kept for the next call.
    #[must_use]
    pub const fn http1_keep_alive(mut self, keep: bool) -> Self {
        self.http1_keep_alive = keep;
        self
    }

    /// How often an HTTP/2 peer is pinged, and how long it may take to answer before its connection is closed; `None`
    /// turns it off, and with it the way to notice a peer that has gone without a word.
    #[must_use]
    pub const fn http2_keep_alive(
        mut self,
        interval_timeout: Option<(Duration, Duration)>,
    ) -> Self {
        self.http2_keep_alive = interval_timeout;
        self
    }

    /// How long a peer may keep the server waiting before its connection is closed: for more of the body of a request
    /// that there is room for (HTTP/1.1), or by reading nothing from its connection (both versions). The time begins
    /// anew when something moves; handlers may take theirs. `None` turns it off, for callers who stream over HTTP/1.1
    /// and are quiet for longer.
    ///
    /// What a peer of HTTP/2 withholds from a single call, its body or room for the answer, is not seen here: pings and
    /// [`max_concurrent_streams`](Self::max_concurrent_streams) bound it, and
    /// [`Options::max_deadline`](crate::server::Options::max_deadline).
    #[must_use]
    pub const fn stall_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// How long a connection may be quiet before the system asks whether its peer is still there, in whole seconds of
    /// at least one; how often it asks in vain before it closes the connection is the system's (Linux: nine times, 75 s
    /// apart). `None` turns it off, and with it the way to notice that a peer of HTTP/1.1 has gone without a word.
    #[must_use]
    pub const fn tcp_keepalive(mut self, quiet: Option<Duration>) -> Self {
        self.tcp_keepalive = quiet;
        self
    }

    /// How long the calls that run at shutdown may go on before their connections are closed.
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// [`serve`](Self::serve) on a listener of its own at `address`.
    ///
    /// # Errors
    /// When the address cannot be bound, and those of [`serve`](Self::serve).
    pub async fn bind_and_serve<S, B>(
        self,
        address: impl ToSocketAddrs,
        service: S,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Data: Buf + Send,
        B::Error: Into<BoxError>,
    {
        let listener = TcpListener::bind(address).await?;
        self.serve(listener, service, shutdown).await
    }

    /// Serves until `shutdown` completes, then stops accepting, lets running calls end, and returns when all
    /// connections are closed.
    ///
    /// # Errors
    /// When the listener fails for good; a connection that fails ends alone.
    pub async fn serve<S, B>(
        self,
        listener: TcpListener,
        service: S,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Data: Buf + Send,
        B::Error: Into<BoxError>,
    {
        let terms = self.terms();
        let slots = Arc::new(Semaphore::new(
            self.max_connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let (close, closing) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            // A slot first: who finds none stays in the backlog.
            let accept = pin!(async {
                let slot = Arc::clone(&slots)
                    .acquire_owned()
                    .await
                    .map_err(io::Error::other)?;
                Ok::<_, io::Error>((slot, accept(&listener).await?))
            });
            let (slot, (stream, peer)) = match select(shutdown.as_mut(), accept).await {
                Either::Left(_) => break,
                Either::Right((accepted, _)) => accepted?,
            };
            while connections.try_join_next().is_some() {}
            let service = service.clone();
            let terms = terms.clone();
            let closing = closing.clone();
            connections.spawn(connection::serve(
                terms, stream, peer, service, closing, slot,
            ));
        }
        drop(listener);
        drop(close);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(self.drain, drained).await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "closing connections that did not drain in time"
            );
            connections.shutdown().await;
        }
        Ok(())
    }

    fn terms(&self) -> Terms {
        Terms {
            http: HttpTerms {
                http1_keep_alive: self.http1_keep_alive,
                max_concurrent_streams: self.max_concurrent_streams,
                http2_keep_alive: self.http2_keep_alive,
            },
            tls: self.tls.clone(),
            tcp_keepalive: self.tcp_keepalive,
            patience: self.header_read_timeout,
            stall_timeout: self.stall_timeout,
            max_age: self.max_connection_age,
            age_grace: self.max_connection_age_grace,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// Accepts one connection, whatever becomes of those before it.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
