//! The calls of one HTTP/2 connection, begun on the connection's own task.
//!
//! A task for each call would answer each with a write of its own: the runtime runs the connection again as soon as the
//! first call has answered. Begun together, all that a read brought is answered by one write, and a call that never
//! waits costs no task. A call that waits goes on as a task of its own, so that slow ones run beside each other; and
//! when beginning them takes long, the rest is left to the other threads.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use hyper::rt::Executor;

/// How long calls are begun one after the other.
const TOGETHER: Duration = Duration::from_micros(100);

/// One call.
pub(super) type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls that have come and are not begun: where hyper leaves them, and where the connection takes them from.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Inbox>);

#[derive(Default)]
struct Inbox {
    /// Whether somebody should look: HTTP/1.1 never puts anything here.
    any: AtomicBool,
    calls: Mutex<Vec<Call>>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        self.0.lock().push(Box::pin(call));
        self.0.any.store(true, Ordering::Release);
    }
}

impl Calls {
    /// Begins all that have come; whether there were any. `batch` is empty before and after, and kept for its room.
    pub(super) fn begin(&self, batch: &mut Vec<Call>) -> bool {
        if !self.0.any.load(Ordering::Acquire) {
            return false;
        }
        self.0.any.store(false, Ordering::Relaxed);
        // Swapped out: what runs below may bring another call.
        std::mem::swap(batch, &mut *self.0.lock());
        let start = Instant::now();
        let mut late = false;
        for mut call in batch.drain(..) {
            if late {
                tokio::spawn(call);
                continue;
            }
            // Nobody is woken by this waker: who waits is polled again at once, with the waker of a task.
            let mut cx = Context::from_waker(Waker::noop());
            // A panic ends this call alone, as it would in a task.
            let begun = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut cx)));
            if begun.is_ok_and(|poll| poll.is_pending()) {
                tokio::spawn(call);
            }
            late = start.elapsed() > TOGETHER;
        }
        true
    }

    /// Drops what was not begun. To be called at the end: calls hold what holds them.
    pub(super) fn forget(&self) {
        let waiting = std::mem::take(&mut *self.0.lock());
        drop(waiting);
    }
}
