//! How a call ends: in time or not, well, badly or in a panic, but always with a response.

use std::convert::Infallible;
use std::future::{self, Future};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tonic::Status;

use super::ResponseFuture;
use super::body::Body;
use super::protocol::Wire;

/// The response to one call: what `answer` gives, or how it failed. It is dropped at the deadline, and a panic in it
/// is this call's failure and nobody else's.
// As all that makes a part of this future, so that the parts are moved into its box and nowhere else on the way.
#[inline(always)]
pub(super) fn respond<Fut>(
    wire: &'static Wire,
    deadline: Option<Instant>,
    answer: Fut,
) -> ResponseFuture
where
    Fut: Future<Output = Result<http::Response<Body>, Status>> + Send + 'static,
{
    Box::pin(Respond {
        wire,
        deadline: deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline))),
        answer: Some(answer),
    })
}

pin_project! {
    /// A future of its own, since each `async` block around `answer` would move all of it once more.
    struct Respond<Fut> {
        wire: &'static Wire,
        // Most calls have none, and a timer is large.
        deadline: Option<Pin<Box<Sleep>>>,
        #[pin]
        answer: Option<Fut>,
    }
}

impl<Fut> Future for Respond<Fut>
where
    Fut: Future<Output = Result<http::Response<Body>, Status>>,
{
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(answer) = this.answer.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        // Written where it is read: what `catch_unwind` returns is moved out of it several times.
        let mut polled = Poll::Pending;
        let whole = catch_unwind(AssertUnwindSafe(|| polled = answer.poll(cx))).is_ok();
        if whole && polled.is_pending() {
            let Some(deadline) = this.deadline else {
                return Poll::Pending;
            };
            ready!(deadline.as_mut().poll(cx));
        }
        // The handler's resources are free before the response is on its way.
        this.answer.set(None);
        let status = match polled {
            Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
            Poll::Ready(Err(status)) => status,
            Poll::Pending if whole => deadline_exceeded(),
            Poll::Pending => panicked(),
        };
        Poll::Ready(Ok(this.wire.protocol.failure(this.wire, &status)))
    }
}

/// A response that is there already.
pub(super) fn answered(response: http::Response<Body>) -> ResponseFuture {
    Box::pin(future::ready(Ok(response)))
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call did not end before its deadline")
}

/// The status for a panic; what it said is in the server's own log, not for strangers.
pub(super) fn panicked() -> Status {
    tracing::error!("a handler panicked");
    Status::internal("the handler panicked")
}
