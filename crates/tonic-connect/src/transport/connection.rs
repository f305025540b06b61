//! One connection, from its acceptance to its end.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;
use tower_service::Service;

use super::calls::Calls;
use super::coalesce::Coalesced;
use super::{BoxError, ServerTls};

/// How connections are served; the same for all of a server.
#[derive(Clone)]
pub(super) struct Terms {
    /// Sets up HTTP for one connection, whose calls go there.
    pub(super) builder: Arc<dyn Fn(Calls) -> Builder<Calls> + Send + Sync>,
    pub(super) tls: Option<ServerTls>,
    /// The time that a peer has to its first request.
    pub(super) patience: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) age_grace: Duration,
}

/// Serves one connection until it ends, or until `closing` completes and its calls have ended.
pub(super) async fn serve<S, B>(
    terms: Terms,
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    closing: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: Into<BoxError>,
{
    let accepted = Instant::now();
    // A response is one write: waiting for more to send only delays it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    // In boxes of their own: a connection shall take the memory of its kind, not that of the largest.
    let served = match &terms.tls {
        None => Box::pin(serve_http(&terms, stream, peer, service, closing, accepted)).await,
        Some(tls) => {
            let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
            let handshake = timeout_at(after(accepted, terms.patience), acceptor.accept(stream));
            match Box::pin(handshake).await {
                Ok(Ok(stream)) => {
                    Box::pin(serve_http(&terms, stream, peer, service, closing, accepted)).await
                }
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err("no TLS handshake in time".into()),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(error, %peer, "a connection ended early");
    }
}

/// What ends a connection next, besides its peer.
enum Watch {
    /// That no request comes.
    FirstRequest,
    /// Its age.
    Age,
    /// Having been asked to close, because of this.
    Grace {
        first_request: bool,
    },
    Nothing,
}

async fn serve_http<IO, S, B>(
    terms: &Terms,
    stream: IO,
    peer: SocketAddr,
    service: S,
    mut closing: watch::Receiver<()>,
    accepted: Instant,
) -> Result<(), BoxError>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: Into<BoxError>,
{
    let begun = Arc::new(AtomicBool::new(false));
    let service = Begin {
        inner: TowerToHyperService::new(service),
        begun: Arc::clone(&begun),
        info: stream.connect_info(),
    };
    let calls = Calls::default();
    let mut begun_calls = Vec::new();
    let builder = (terms.builder)(calls.clone());
    let stream = Coalesced::new(TokioIo::new(stream));
    let mut connection = pin!(builder.serve_connection(stream, service));
    // Completes when the sender is gone.
    let mut closing = pin!(closing.changed());
    let mut asked_to_close = false;
    let end = terms.max_age.map(|age| after(accepted, spread(age, peer)));
    // hyper's own timeout starts when it knows the HTTP version, which a peer that sends nothing never tells; and a
    // peer that is asked to close may not answer that either.
    let first = after(accepted, terms.patience);
    let mut watch = Watch::FirstRequest;
    let mut timer = pin!(sleep_until(end.map_or(first, |end| end.min(first))));
    let served = poll_fn(|cx| {
        if !asked_to_close && closing.as_mut().poll(cx).is_ready() {
            asked_to_close = true;
            connection.as_mut().graceful_shutdown();
        }
        while !matches!(watch, Watch::Nothing) && timer.as_mut().poll(cx).is_ready() {
            let begun = begun.load(Ordering::Relaxed);
            let grace = match watch {
                Watch::FirstRequest if begun => {
                    watch = match end {
                        Some(end) => {
                            timer.as_mut().reset(end);
                            Watch::Age
                        }
                        None => Watch::Nothing,
                    };
                    continue;
                }
                // The request came after all; what is asked to close takes no other.
                Watch::Grace {
                    first_request: true,
                } if begun => {
                    watch = Watch::Nothing;
                    continue;
                }
                Watch::Grace { .. } => return Poll::Ready(Ok(())),
                Watch::FirstRequest => terms.patience,
                Watch::Age | Watch::Nothing => terms.age_grace,
            };
            if !asked_to_close {
                asked_to_close = true;
                connection.as_mut().graceful_shutdown();
            }
            timer.as_mut().reset(after(Instant::now(), grace));
            watch = Watch::Grace {
                first_request: !begun,
            };
        }
        loop {
            let served = connection.as_mut().poll(cx);
            // Again after calls were begun: what they have answered is to be written.
            if served.is_ready() || !calls.begin(&mut begun_calls) {
                return served;
            }
        }
    })
    .await;
    calls.forget();
    served
}

/// `age`, less up to a tenth: connections that came together shall not go together.
fn spread(age: Duration, peer: SocketAddr) -> Duration {
    let share = RandomState::new().hash_one(peer) % 256;
    age.saturating_sub(age / 2560 * share as u32)
}

/// The end of a time that begins at `start`; one past the end of all times never comes.
fn after(start: Instant, time: Duration) -> Instant {
    let never = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(time).unwrap_or_else(|| start + never)
}

/// Marks that a connection has brought a request, and tells each request where it came from.
struct Begin<S, I> {
    inner: TowerToHyperService<S>,
    begun: Arc<AtomicBool>,
    info: I,
}

impl<S, I> hyper::service::Service<Request<Incoming>> for Begin<S, I>
where
    S: Service<Request<Incoming>> + Clone,
    I: Clone + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = <TowerToHyperService<S> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(self.info.clone());
        self.inner.call(request)
    }
}
