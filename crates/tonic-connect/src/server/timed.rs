//! A stream of responses that is dropped at its deadline, whether its peer reads or not.
//!
//! The body of a response is asked for more only while the transport has room. A peer that does not read would keep the
//! stream, and whatever the handler holds with it, past any deadline: so a task of its own keeps the time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::respond::deadline_exceeded;

/// The messages of `S`; at the deadline an error in their place.
pub(super) struct Timed<S> {
    shared: Arc<Shared<S>>,
    timer: AbortHandle,
}

struct Shared<S>(Mutex<State<S>>);

enum State<S> {
    Open {
        messages: Pin<Box<S>>,
        waker: Option<Waker>,
    },
    Over,
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let ended = std::mem::replace(&mut *self.lock(), State::Over);
        // Without the lock: what is dropped here is the handler's.
        if let State::Open { messages, waker } = ended {
            drop(messages);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<S: Send + 'static> Timed<S> {
    pub(super) fn new(messages: S, deadline: Instant) -> Self {
        let shared = Arc::new(Shared(Mutex::new(State::Open {
            messages: Box::pin(messages),
            waker: None,
        })));
        let at_deadline = Arc::clone(&shared);
        let timer = tokio::spawn(async move {
            sleep_until(deadline).await;
            at_deadline.end();
        });
        Self {
            shared,
            timer: timer.abort_handle(),
        }
    }
}

impl<S> Drop for Timed<S> {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

impl<S, Res> Stream for Timed<S>
where
    S: Stream<Item = Result<Res, Status>>,
{
    type Item = Result<Res, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self.shared.lock() {
            State::Over => Poll::Ready(Some(Err(deadline_exceeded()))),
            State::Open { messages, waker } => {
                let next = messages.as_mut().poll_next(cx);
                if next.is_pending() && !waker.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                next
            }
        }
    }
}
