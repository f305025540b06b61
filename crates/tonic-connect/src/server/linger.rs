//! Reads on, for a while, after a call was refused or answered early.
//!
//! On HTTP/1.1 a server that answers and closes while its peer still sends makes the peer's system throw the answer
//! away: the client sees a broken connection instead of the reason. So the rest of a body that nobody wants is read and
//! forgotten, within limits, while the answer is on its way. HTTP/2 ends one stream and keeps the connection: it needs
//! none of this, and neither does a body that was read to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http::request::Parts;
use http::{Request, Version, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;

/// How much is read at most, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How long is read at most.
const MAX_TIME: Duration = Duration::from_secs(10);

/// In the extensions of a request whose body lingers already.
#[derive(Clone, Copy)]
struct Lingers;

/// Makes the body of an HTTP/1.1 request one that is read on when it is dropped before its end: at most 64 MiB more,
/// for at most 10 s, in a task of its own.
///
/// The services of this crate do so by themselves. It is for layers in front of them that refuse requests without
/// reading them, so that their answer reaches a client that is still sending.
///
/// ```
/// use http::Request;
/// use tonic_connect::server::{Body, linger};
///
/// let request = linger(Request::post("/greet.v1.Greeter/Greet").body(Body::full("{}")).unwrap());
/// ```
pub fn linger<B>(request: Request<B>) -> Request<Lingering<B>>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (mut head, body) = request.into_parts();
    let body = linger_at_last(&head, body);
    if body.kept.body.is_some() {
        head.extensions.insert(Lingers);
    }
    Request::from_parts(head, body)
}

/// [`linger`] for the last that has the request in hand: leaves no mark.
#[inline(always)]
pub(super) fn linger_at_last<B>(head: &Parts, body: B) -> Lingering<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let wanted = head.version <= Version::HTTP_11
        && !body.is_end_stream()
        && head.extensions.get::<Lingers>().is_none();
    let (plain, kept) = match wanted {
        true => (None, Some(Box::pin(body))),
        false => (Some(body), None),
    };
    let kept = Rest {
        body: kept,
        // Such a client sends nothing before it is told to, which the first poll of the body does.
        sending: !head.headers.keys().any(|name| name == header::EXPECT),
    };
    Lingering { plain, kept }
}

pin_project! {
    /// The body of a request after [`linger`].
    #[derive(Debug)]
    pub struct Lingering<B>
    where
        B: Body,
        B: Send,
        B: 'static,
        B::Data: Send,
    {
        // A body that needs nothing, where it is.
        #[pin]
        plain: Option<B>,
        kept: Rest<B>,
    }
}

impl<B> Body for Lingering<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if let Some(body) = this.plain.as_pin_mut() {
            return body.poll_frame(cx);
        }
        let Some(body) = &mut this.kept.body else {
            return Poll::Ready(None);
        };
        this.kept.sending = true;
        let frame = body.as_mut().poll_frame(cx);
        if !matches!(frame, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            this.kept.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let body = self.plain.as_ref().or(self.kept.body.as_deref());
        body.is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.plain.as_ref().or(self.kept.body.as_deref());
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A body that is read on when it is dropped; nothing once its end was seen.
#[derive(Debug)]
struct Rest<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    body: Option<Pin<Box<B>>>,
    /// Whether the peer has been told to send.
    sending: bool,
}

impl<B> Drop for Rest<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let Some(body) = unread
            && self.sending
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                // What comes of it matters to nobody.
                let _ = tokio::time::timeout(MAX_TIME, forget(body)).await;
            });
        }
    }
}

async fn forget<B: Body>(mut body: Pin<Box<B>>) {
    let mut read = 0;
    poll_fn(|cx| {
        while read <= MAX_BYTES {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, Buf::remaining),
                Some(Err(_)) | None => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}
