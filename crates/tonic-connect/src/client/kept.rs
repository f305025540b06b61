//! The connections that wait for the next call, and for how long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::connector::Connection;
use super::http1::Http1;
use super::http2::Http2;

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
        // The task that does so may not have run yet, or have ended with its runtime.
        if let Some(timeout) = idle_timeout {
            self.close_expired(timeout);
        }
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
        while let Some((connection, _)) = self.idle.pop() {
            if !connection.is_closed() {
                return Some(Connection::Http1(connection));
            }
        }
        None
    }

    /// Keeps a connection for the next call, where so many may be kept.
    pub(super) fn add(&mut self, connection: Connection, max_idle: usize) {
        match connection {
            Connection::Http1(connection) => {
                if self.idle.len() >= max_idle {
                    self.idle.retain(|(connection, _)| !connection.is_closed());
                }
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

    /// A call is over that had the connection of HTTP/2.
    pub(super) fn ended(&mut self, connection: &Arc<Http2>) {
        if let Some((lasting, used)) = &mut self.lasting
            && Arc::ptr_eq(lasting, connection)
        {
            *used = Instant::now();
        }
    }

    /// Closes what nobody used for so long, and says when to look again; none when nothing is kept.
    pub(super) fn expire(&mut self, timeout: Duration) -> Option<Duration> {
        self.close_expired(timeout);
        self.idle.retain(|(connection, _)| !connection.is_closed());
        self.lasting
            .take_if(|(connection, _)| connection.is_closed());
        let idle = self.idle.first().map(|(_, since)| *since);
        let lasting = self.lasting.as_ref().map(|(_, used)| *used);
        let first = idle.into_iter().chain(lasting).min()?;
        Some(timeout.saturating_sub(first.elapsed()))
    }

    fn close_expired(&mut self, timeout: Duration) {
        let now = Instant::now();
        let over = |since: Instant| now.duration_since(since) >= timeout;
        let expired = self.idle.partition_point(|(_, since)| over(*since));
        self.idle.drain(..expired);
        if let Some((connection, used)) = &mut self.lasting {
            // A call has it.
            if Arc::strong_count(connection) > 1 {
                *used = now;
            }
            if over(*used) {
                self.lasting = None;
            }
        }
    }
}
