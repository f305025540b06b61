//! The connections that wait for the next call, and for how long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use tokio::time::Instant;
use tonic::body::Body;

use super::connector::Connection;

type Http1 = http1::SendRequest<Body>;
type Http2 = http2::SendRequest<Body>;

#[derive(Default)]
pub(super) struct Kept {
    /// The one that all share over HTTP/2, for as long as somebody has it.
    shared: Weak<Http2>,
    /// The same, where it is kept beyond that, and when it was last used.
    lasting: Option<(Arc<Http2>, Instant)>,
    /// Those of HTTP/1.1 that nobody uses, and since when; the latest last.
    idle: Vec<(Http1, Instant)>,
}

impl Kept {
    /// One that is there.
    pub(super) fn take(&mut self, idle_timeout: Option<Duration>) -> Option<Connection> {
        if let Some(connection) = self.shared.upgrade() {
            if !connection.is_closed() {
                if let Some((_, used)) = &mut self.lasting {
                    *used = Instant::now();
                }
                return Some(Connection::Http2(connection));
            }
            self.lasting = None;
            self.shared = Weak::new();
        }
        while let Some((connection, since)) = self.idle.pop() {
            if idle_timeout.is_some_and(|timeout| since.elapsed() > timeout) {
                // Those before it lie there even longer.
                self.idle.clear();
            } else if !connection.is_closed() {
                return Some(Connection::Http1(connection));
            }
        }
        None
    }

    /// Keeps a connection for the next call, where so many may be kept.
    pub(super) fn add(&mut self, connection: Connection, max_idle: usize) {
        match connection {
            Connection::Http1(connection) => {
                if self.idle.len() < max_idle {
                    self.idle.push((connection, Instant::now()));
                }
            }
            Connection::Http2(connection) => {
                self.shared = Arc::downgrade(&connection);
                if max_idle > 0 {
                    self.lasting = Some((connection, Instant::now()));
                }
            }
        }
    }

    /// Closes what nobody used for so long, and says when to look again; none when nothing is kept.
    pub(super) fn expire(&mut self, timeout: Duration) -> Option<Duration> {
        let now = Instant::now();
        let left = |since: Instant| timeout.saturating_sub(now.duration_since(since));
        self.idle
            .retain(|(connection, since)| !left(*since).is_zero() && !connection.is_closed());
        let mut next = self.idle.iter().map(|(_, since)| left(*since)).min();
        if let Some((connection, used)) = &mut self.lasting {
            // A call has it.
            if Arc::strong_count(connection) > 1 {
                *used = now;
            }
            let left = left(*used);
            if left.is_zero() || connection.is_closed() {
                self.lasting = None;
            } else {
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        next
    }
}
