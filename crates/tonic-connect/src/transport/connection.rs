//! One connection, from its acceptance to its end.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Buf;
use futures_util::future::{Either, select};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::Connected;
use tower_service::Service;

use super::calls::Calls;
use super::dispatch::Dispatch;
use super::http::{Http, HttpTerms, Unknown};
use super::lifetime::{Lifetime, Verdict, after};
use super::peeked::Peeked;
use super::traffic::Traffic;
use super::{BoxError, ServerTls};

/// How connections are served; the same for all of a server.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) http: HttpTerms,
    pub(super) tls: Option<ServerTls>,
    /// After how much quiet the system asks whether the peer is still there.
    pub(super) tcp_keepalive: Option<Duration>,
    /// The time that a peer has to the head of a request.
    pub(super) patience: Duration,
    /// The time that a peer may keep the server waiting once a call has begun.
    pub(super) stall_timeout: Option<Duration>,
    pub(super) max_age: Option<Duration>,
    pub(super) age_grace: Duration,
}

/// Serves one connection until it ends, or until `closing` completes and its calls have ended; then `slot` is free.
pub(super) async fn serve<S, B>(
    terms: Terms,
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    mut closing: watch::Receiver<()>,
    slot: OwnedSemaphorePermit,
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
    if let Some(quiet) = terms.tcp_keepalive
        && let Err(error) = keep_alive(&stream, quiet)
    {
        tracing::debug!(%error, "TCP keep-alive");
    }
    let served = match &terms.tls {
        None => serve_http(&terms, stream, peer, service, closing, accepted).await,
        Some(tls) => {
            let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
            let handshake = timeout_at(after(accepted, terms.patience), acceptor.accept(stream));
            // In boxes of their own, whose memory connections without TLS do not take.
            let handshake = Box::pin(handshake);
            let shaken = match select(handshake, pin!(closing.changed())).await {
                Either::Left((shaken, _)) => Some(shaken),
                // There is no call that could be waited for.
                Either::Right(_) => None,
            };
            match shaken {
                Some(Ok(Ok(stream))) => {
                    Box::pin(serve_http(&terms, stream, peer, service, closing, accepted)).await
                }
                Some(Ok(Err(error))) => Err(error.into()),
                Some(Err(_)) => Err("no TLS handshake in time".into()),
                None => Ok(()),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(error, %peer, "a connection ended early");
    }
    drop(slot);
}

/// Has the system ask whether the peer is still there when it has been quiet for so long.
fn keep_alive(stream: &TcpStream, quiet: Duration) -> io::Result<()> {
    // What systems take.
    let quiet = quiet.clamp(Duration::from_secs(1), Duration::from_secs(32_767));
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(quiet))
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
    let traffic = Arc::new(Traffic::default());
    let service = Dispatch {
        service,
        traffic: Arc::clone(&traffic),
        info: stream.connect_info(),
    };
    let calls = Calls::default();
    let mut begun_calls = Vec::new();
    let mut connection = Http::Unknown(Some(Box::new(Unknown {
        stream: Peeked::new(TokioIo::new(stream)),
        service,
        traffic: Arc::clone(&traffic),
        calls: calls.clone(),
        terms: terms.http.clone(),
    })));
    let closes = closing.clone();
    // Completes when the sender is gone.
    let mut closing = pin!(closing.changed());
    let mut asked_to_close = false;
    let end = terms.max_age.map(|age| after(accepted, spread(age, peer)));
    let mut lifetime = Lifetime::new(
        accepted,
        terms.patience,
        end,
        terms.age_grace,
        terms.stall_timeout,
    );
    let mut ticking = lifetime.next(accepted, &traffic);
    let mut timer = pin!(sleep_until(ticking.unwrap_or(accepted)));
    // Who is woken by the two above. They need not be polled again for the same one before they have something to say,
    // and most polls of a connection are about its requests.
    let mut woken: Option<Waker> = None;
    let served = poll_fn(|cx| {
        let expected = woken.as_ref().is_some_and(|it| it.will_wake(cx.waker()));
        let over = ticking.is_some() && timer.is_elapsed();
        if !expected || over || (!asked_to_close && closes.has_changed().is_err()) {
            if !asked_to_close && closing.as_mut().poll(cx).is_ready() {
                asked_to_close = true;
                connection.graceful_shutdown();
            }
            while ticking.is_some() && timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                match lifetime.verdict(now, &traffic) {
                    Verdict::Close => return Poll::Ready(Ok(())),
                    Verdict::LookAgain => {
                        // hyper has asked once for a body that the handler has dropped, and does not ask again.
                        traffic.forget_asked();
                        if let Poll::Ready(served) = connection.poll(cx) {
                            return Poll::Ready(served);
                        }
                        if traffic.is_waiting() && !traffic.has_moved() {
                            return Poll::Ready(Err("the peer kept its call waiting".into()));
                        }
                    }
                    Verdict::AskToClose if !asked_to_close => {
                        asked_to_close = true;
                        connection.graceful_shutdown();
                    }
                    Verdict::AskToClose | Verdict::Stay => {}
                }
                ticking = lifetime.next(now, &traffic);
                if let Some(next) = ticking {
                    timer.as_mut().reset(next);
                }
            }
            // Who has used up its share of time is refused, and not woken by them.
            woken = has_budget_remaining().then(|| cx.waker().clone());
        }
        loop {
            let served = connection.poll(cx);
            // Again after calls were begun: what they have answered is to be written.
            if served.is_ready() || !calls.begin(&mut begun_calls) {
                lifetime.note(&traffic);
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
