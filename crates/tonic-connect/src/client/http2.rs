//! HTTP/2: one connection for any number of exchanges at once.
//!
//! Over the `h2` crate itself, without hyper's client between: there each exchange is two tasks and three channels, and
//! here it is none. A request that is there as a whole is queued at once, and the call that wants the response polls for
//! it; only a stream of requests is a task of its own, which ends with the response.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{Method, Version};
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tonic::body::Body;
use tonic::{Code, Status};

use super::failure;
use super::lease::Unanswered;

/// As large as hyper has them: what a server may send before this side has read.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

/// How many calls are sent at once before the server has said how many it takes: as many as RFC 9113 section 6.5.2 asks
/// every server to take. It would refuse what is more.
const FIRST_CALLS: usize = 100;

/// What each connection is told.
#[derive(Clone)]
pub(super) struct Settings {
    builder: Builder,
    /// How often the peer is asked whether it still lives while calls are on their way, and how long it has for the answer.
    ping: Option<(Duration, Duration)>,
}

impl Settings {
    pub(super) fn new(max_header_bytes: u32, ping: Option<(Duration, Duration)>) -> Self {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(FIRST_CALLS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(max_header_bytes);
        Self { builder, ping }
    }
}

/// A connection. It is closed when nobody has it and no exchange is on its way.
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    closed: Arc<AtomicBool>,
    /// As many as there are exchanges, and one here and one with what drives the connection.
    holders: Arc<()>,
    /// What drives it: without that no upload goes on, and a call may be polled outside of every runtime.
    runtime: Handle,
}

impl Http2 {
    /// Begins HTTP/2. A task goes on to drive the connection.
    pub(super) async fn handshake(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: &Settings,
    ) -> Result<Self, h2::Error> {
        let (sender, mut connection) = settings.builder.handshake(io).await?;
        let (closed, holders) = (Arc::new(AtomicBool::new(false)), Arc::new(()));
        let pings = settings.ping.zip(connection.ping_pong());
        let (closing, in_use) = (Closing(Arc::clone(&closed)), Arc::clone(&holders));
        tokio::spawn(async move {
            let closing = closing;
            let Some((times, pings)) = pings else {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            };
            let silence = pin!(silence(pings, times, &in_use));
            match select(connection, silence).await {
                Either::Left((Ok(()), _)) => {}
                Either::Left((Err(error), _)) => tracing::debug!(%error, "a connection ended"),
                Either::Right(((), _)) => tracing::debug!("a connection's peer answers no ping"),
            }
            drop(closing);
        });
        Ok(Self {
            sender,
            closed,
            holders,
            runtime: Handle::current(),
        })
    }

    /// Whether it takes no more requests.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Sends `request`, whose URI is whole. When this is dropped, the stream is reset.
    pub(super) async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Http2Body>, Unanswered> {
        let holder = Arc::clone(&self.holders);
        let mut sender = self.sender.clone();
        // Ready in any case, with an error once the connection broke or the server said that it goes away.
        if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
            self.closed.store(true, Ordering::Relaxed);
            return Err(Unanswered {
                error: error.into(),
                unsent: Some(request),
            });
        }
        let (mut head, mut body) = request.into_parts();
        // gRPC has the length before each message, and its clients do not say it twice.
        if let Some(length) = body.size_hint().exact()
            && head.version != Version::HTTP_2
            && head.method == Method::POST
        {
            head.headers.insert(CONTENT_LENGTH, length.into());
        }
        let ends = body.is_end_stream();
        let (response, mut stream) =
            sender.send_request(http::Request::from_parts(head, ()), ends)?;
        drop(sender);
        let whole = ends || poll_fn(|cx| begin(&mut body, &mut stream, cx)).await?;
        let (upload, queued) = match whole {
            true => (None, Some(stream)),
            false => (Some(Upload::go_on(&self.runtime, body, stream)), None),
        };
        match response.await {
            Ok(response) => {
                let length = response.headers().get(CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                Ok(response.map(|incoming| Http2Body {
                    incoming,
                    length,
                    data_is_over: false,
                    upload,
                    _queued: queued.map(Queued),
                    _holder: holder,
                }))
            }
            Err(error) => Err(match upload.and_then(|upload| upload.failure()) {
                Some(status) => Unanswered {
                    error: status.into(),
                    unsent: None,
                },
                None => error.into(),
            }),
        }
    }
}

/// Says that a connection ended, however it did.
struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ready when the peer of a connection in use left a ping without an answer.
async fn silence(
    mut pings: PingPong,
    (interval, timeout): (Duration, Duration),
    holders: &Arc<()>,
) {
    loop {
        sleep(interval).await;
        let in_use = Arc::strong_count(holders) > 2;
        if in_use
            && !matches!(
                tokio::time::timeout(timeout, pings.ping(Ping::opaque())).await,
                Ok(Ok(_))
            )
        {
            return;
        }
    }
}

/// Queues the first bytes of a body if they are there, and says whether they were all. However many, they are in memory
/// already, so they need not wait for the peer's window here.
fn begin(
    body: &mut Body,
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, Unanswered>> {
    let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
        return Poll::Ready(Ok(false));
    };
    let data = match frame.transpose() {
        Ok(frame) => frame.and_then(|frame| frame.into_data().ok()),
        Err(status) => {
            stream.send_reset(reason(&status));
            return Poll::Ready(Err(Unanswered {
                error: status.into(),
                unsent: None,
            }));
        }
    };
    let ends = data.is_none() || body.is_end_stream();
    // Fails for a stream that is over by now: the body took its time. The response says why, and may be a good one.
    let sent = stream.send_data(data.unwrap_or_default(), ends);
    Poll::Ready(Ok(ends || sent.is_err()))
}

/// Why a stream is reset whose request failed with `status`.
fn reason(status: &Status) -> Reason {
    match status.code() {
        Code::Cancelled => Reason::CANCEL,
        _ => Reason::INTERNAL_ERROR,
    }
}

/// A request that was queued as a whole, and has a response. What the peer has not taken of it when the response is over
/// is taken back: `h2` takes such a stream for one that ended, and would keep it for as long as the connection lasts.
struct Queued(SendStream<Bytes>);

impl Drop for Queued {
    fn drop(&mut self) {
        // Sent only if there is something left, or the response is not over.
        self.0.send_reset(Reason::CANCEL);
    }
}

/// A request that goes on beside its response, and ends with it.
struct Upload {
    task: AbortHandle,
    /// Why it failed on this side.
    failure: Arc<OnceLock<Status>>,
}

impl Upload {
    fn go_on(runtime: &Handle, body: Body, stream: SendStream<Bytes>) -> Self {
        let failure = Arc::new(OnceLock::new());
        let failed = Arc::clone(&failure);
        let task = runtime.spawn(async move {
            let (mut body, mut stream) = (body, stream);
            if let Err(status) = upload(&mut body, &mut stream).await {
                let reason = reason(&status);
                // Before the reset, with which the call in another thread looks for it.
                let _ = failed.set(status);
                stream.send_reset(reason);
            }
        });
        Self {
            task: task.abort_handle(),
            failure,
        }
    }

    fn failure(&self) -> Option<Status> {
        self.failure.get().cloned()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends a body as it comes, no faster than the peer takes it, as long as the peer wants it. Its error is the body's.
async fn upload(body: &mut Body, stream: &mut SendStream<Bytes>) -> Result<(), Status> {
    loop {
        let frame = poll_fn(|cx| match stream.poll_reset(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut *body).poll_frame(cx).map(Some),
        });
        let data = match frame.await {
            None => return Ok(()),
            Some(frame) => match frame.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => data,
                // Trailers of a request mean nothing to any protocol.
                Some(Err(_)) => continue,
                None => {
                    // An error is the stream's, which the response has as well.
                    let _ = stream.send_data(Bytes::new(), true);
                    return Ok(());
                }
            },
        };
        // Only for what is there: room that waits for nothing is kept from the other streams.
        stream.reserve_capacity(data.len());
        let ends = body.is_end_stream();
        if !has_room(&data, stream).await || stream.send_data(data, ends).is_err() || ends {
            return Ok(());
        }
    }
}

/// Waits until the peer takes some of `data`; the rest may wait in the connection. False when it wants no more.
async fn has_room(data: &Bytes, stream: &mut SendStream<Bytes>) -> bool {
    poll_fn(|cx| {
        loop {
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(false);
            }
            if data.is_empty() || stream.capacity() > 0 {
                return Poll::Ready(true);
            }
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
    })
    .await
}

/// The body of a response, as it comes.
pub(super) struct Http2Body {
    incoming: RecvStream,
    /// How many bytes are to come, if the headers said so.
    length: Option<u64>,
    data_is_over: bool,
    upload: Option<Upload>,
    _queued: Option<Queued>,
    _holder: Arc<()>,
}

impl Http2Body {
    /// A reset is an error whatever its reason, `NO_ERROR` as well: `h2` shows none that comes after the end of the
    /// response, with which a server stops the rest of a request (RFC 9113 section 8.1).
    fn failed(&self, error: h2::Error) -> Status {
        let own = self.upload.as_ref().and_then(Upload::failure);
        own.unwrap_or_else(|| failure::response(error))
    }
}

impl http_body::Body for Http2Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if !this.data_is_over {
            match ready!(this.incoming.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails for a stream that is over, which needs no window.
                    let _ = this.incoming.flow_control().release_capacity(data.len());
                    if let Some(length) = &mut this.length {
                        *length = length.saturating_sub(data.len() as u64);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(this.failed(error)))),
                None => this.data_is_over = true,
            }
        }
        Poll::Ready(match ready!(this.incoming.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(this.failed(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
