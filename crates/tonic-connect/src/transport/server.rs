//! The listening side: HTTP/1.1 and HTTP/2 with prior knowledge (h2c) on one port.
//!
//! What a stranger can hold is bounded: the number of connections, the streams of each, the time before a request's
//! head has come. Shutting down stops accepting, lets calls end, and closes what is left.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use futures_util::future::{Either, select};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

/// How long to wait before accepting again when the machine is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type BoxError = Box<dyn Error + Send + Sync>;

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
#[derive(Clone, Debug)]
pub struct Server {
    header_read_timeout: Duration,
    max_connections: usize,
    max_concurrent_streams: u32,
    drain: Duration,
}

impl Server {
    /// 30 s for a request's head, 10,000 connections of 200 concurrent streams, 30 s to drain.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            max_concurrent_streams: 200,
            drain: Duration::from_secs(30),
        }
    }

    /// How long a connection may take to its first request, and on HTTP/1.1 also from each request to the head of the
    /// next; then it is closed.
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

    /// How long the calls that run at shutdown may go on before their connections are closed.
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
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
        let builder = self.builder();
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
            let (slot, stream) = match select(shutdown.as_mut(), accept).await {
                Either::Left(_) => break,
                Either::Right((accepted, _)) => accepted?,
            };
            while connections.try_join_next().is_some() {}
            let connection = serve_connection(
                builder.clone(),
                stream,
                service.clone(),
                closing.clone(),
                self.header_read_timeout,
            );
            connections.spawn(async move {
                connection.await;
                drop(slot);
            });
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

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_read_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_concurrent_streams)
            // Finds peers that went away without a word, which would hold a slot for ever.
            .keep_alive_interval(Duration::from_secs(60))
            .keep_alive_timeout(Duration::from_secs(20));
        builder
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// Accepts one connection, whatever becomes of those before it.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A response is one write: waiting for more to send only delays it.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY");
                }
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Marks that a connection has brought a request.
struct Begin<S> {
    inner: TowerToHyperService<S>,
    begun: Arc<AtomicBool>,
}

impl<S> hyper::service::Service<Request<Incoming>> for Begin<S>
where
    S: Service<Request<Incoming>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = <TowerToHyperService<S> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        self.inner.call(request)
    }
}

async fn serve_connection<S, B>(
    builder: Builder<TokioExecutor>,
    stream: TcpStream,
    service: S,
    mut closing: watch::Receiver<()>,
    patience: Duration,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let begun = Arc::new(AtomicBool::new(false));
    let service = Begin {
        inner: TowerToHyperService::new(service),
        begun: Arc::clone(&begun),
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Completes when the sender is gone.
    let mut closing = pin!(closing.changed());
    let mut asked_to_close = false;
    // hyper's own timeout starts when it knows the HTTP version, which a peer that sends nothing never tells; and a
    // peer that is asked to close may not answer that either.
    let mut asking = pin!(sleep(patience));
    let mut closing_for_good = pin!(sleep(patience.saturating_mul(2)));
    let mut watched = true;
    let served = poll_fn(|cx| {
        if !asked_to_close && closing.as_mut().poll(cx).is_ready() {
            asked_to_close = true;
            connection.as_mut().graceful_shutdown();
        }
        watched = watched && !begun.load(Ordering::Relaxed);
        if watched && !asked_to_close && asking.as_mut().poll(cx).is_ready() {
            asked_to_close = true;
            connection.as_mut().graceful_shutdown();
        }
        if watched && closing_for_good.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = served.await {
        tracing::debug!(error, "a connection ended early");
    }
}
