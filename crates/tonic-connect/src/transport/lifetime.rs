//! How long a connection may last: it has a time for the head of a request, and for what its peer keeps it waiting for
//! after that, and may have an age.

use std::time::Duration;

use tokio::time::Instant;

use super::traffic::Traffic;

/// How long a peer that never sent a request may take to go once it is asked to.
const FAREWELL: Duration = Duration::from_secs(1);

/// The shortest time that a peer is given.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is to be done about a connection.
pub(super) enum Verdict {
    /// Nothing yet.
    Stay,
    /// It is over, unless a further look shows that its peer is not what it waits for.
    LookAgain,
    /// It shall take no more calls, and close when those that run have ended.
    AskToClose,
    /// It is over.
    Close,
}

/// The times of one connection at which something is to be done about it.
pub(super) struct Lifetime {
    patience: Duration,
    age_grace: Duration,
    stall_timeout: Option<Duration>,
    /// When it is old.
    end: Option<Instant>,
    /// When a request's head must have come; none while a call runs.
    head: Option<Instant>,
    /// When the peer must have gone on, where the server waits for it.
    stall: Option<Instant>,
    /// When it must have closed after it was asked to.
    grace: Option<Grace>,
}

struct Grace {
    over: Instant,
    /// Asked because no request came, so that one which comes after all is served.
    first_request: bool,
}

impl Lifetime {
    pub(super) fn new(
        accepted: Instant,
        patience: Duration,
        end: Option<Instant>,
        age_grace: Duration,
        stall_timeout: Option<Duration>,
    ) -> Self {
        // None at all would be over whenever it is looked at, and be looked at without end.
        let at_least = |time: Duration| time.max(SHORTEST);
        let patience = at_least(patience);
        Self {
            patience,
            age_grace,
            stall_timeout: stall_timeout.map(at_least),
            end,
            head: Some(after(accepted, patience)),
            stall: None,
            grace: None,
        }
    }

    /// Takes note of what has just gone on. Costs a look at the clock once in a call and once in a wait for the peer,
    /// and nothing otherwise.
    pub(super) fn note(&mut self, traffic: &Traffic) {
        // Nothing but a request changes the time until the first.
        if let Some(idle) = traffic.changed_to_idle()
            && traffic.has_begun()
        {
            self.head = idle.then(|| after(Instant::now(), self.patience));
        }
        if let Some(waiting) = traffic.moved_to_waiting() {
            let time = self.stall_timeout.filter(|_| waiting);
            self.stall = time.map(|time| after(Instant::now(), time));
        }
    }

    /// What is to be done now.
    pub(super) fn verdict(&mut self, now: Instant, traffic: &Traffic) -> Verdict {
        let is_over = |time: Instant| time <= now;
        if let Some(grace) = &self.grace
            && is_over(grace.over)
        {
            if !(grace.first_request && traffic.has_begun()) {
                return Verdict::Close;
            }
            self.grace = None;
        }
        if self.end.is_some_and(is_over) {
            self.end = None;
            self.grace = Some(Grace {
                over: after(now, self.age_grace),
                first_request: false,
            });
            return Verdict::AskToClose;
        }
        if self.stall.is_some_and(is_over) {
            self.stall = None;
            if traffic.is_waiting() {
                return Verdict::LookAgain;
            }
        }
        if traffic.is_http2() {
            self.head = None;
        }
        if self.head.is_some_and(is_over) {
            if traffic.has_begun() {
                return Verdict::Close;
            }
            self.head = None;
            // It may speak HTTP/2, and be told. One of HTTP/1.1 has been cut off in its first head.
            self.grace = Some(Grace {
                over: after(now, self.patience.min(FAREWELL)),
                first_request: true,
            });
            return Verdict::AskToClose;
        }
        Verdict::Stay
    }

    /// When to ask for the next verdict: no later than anything can be due, whatever goes on in the meantime.
    pub(super) fn next(&self, now: Instant, traffic: &Traffic) -> Option<Instant> {
        // A call that ends right now makes a head due after that time, not before; so does a wait that begins.
        let head = self.head.unwrap_or_else(|| after(now, self.patience));
        let head = (!traffic.is_http2()).then_some(head);
        let stall = self.stall_timeout.map(|time| after(now, time));
        let stall = self.stall.or(stall);
        let grace = self.grace.as_ref().map(|grace| grace.over);
        [self.end, head, stall, grace].into_iter().flatten().min()
    }
}

/// The end of a time that begins at `start`; one past the end of all times never comes.
pub(super) fn after(start: Instant, time: Duration) -> Instant {
    let never = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(time).unwrap_or_else(|| start + never)
}
