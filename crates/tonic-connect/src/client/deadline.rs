//! The deadline of a call, from its first byte to its last.
//!
//! The server gets the timeout as a header, but a server that is stuck, or gone, does not obey: so the client's own
//! timer covers connecting, headers and the whole body. It is one timer per call, which moves from the call's future
//! into the body.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status};

#[derive(Debug)]
pub(super) struct Deadline {
    timer: Option<Pin<Box<Sleep>>>,
    timeout: Duration,
}

impl Deadline {
    /// Starts now. Without a timeout it never passes.
    pub(super) fn start(timeout: Option<Duration>) -> Self {
        Self {
            timer: timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout))),
            timeout: timeout.unwrap_or(Duration::MAX),
        }
    }

    /// Awaits `work` as long as the deadline allows, then drops it.
    pub(super) async fn cover<T>(
        &mut self,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let work = std::pin::pin!(work);
        match &mut self.timer {
            None => work.await,
            Some(timer) => match select(work, timer).await {
                Either::Left((result, _)) => result.map_err(|status| self.judge(status)),
                Either::Right(((), _)) => Err(self.passed()),
            },
        }
    }

    /// `status`, but `deadline_exceeded` for a call that broke off when its time was over: a server that keeps the
    /// deadline may reset the stream a moment before this side's timer is looked at.
    pub(super) fn judge(&self, status: Status) -> Status {
        let over = self
            .timer
            .as_ref()
            .is_some_and(|timer| timer.deadline() <= Instant::now());
        match status.code() {
            Code::Cancelled | Code::Unavailable if over => self.passed(),
            _ => status,
        }
    }

    /// Ready with the error once the deadline has passed; otherwise wakes the task when it does.
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| self.passed()),
            None => Poll::Pending,
        }
    }

    fn passed(&self) -> Status {
        Status::deadline_exceeded(format!(
            "the call did not end within its timeout of {:?}",
            self.timeout
        ))
    }
}
