//! The connections of a channel to its server: who waits for one, who has one, which are kept.
//!
//! A connection is made by a task of its own and not by the call that wants it, so a call that is given up neither fails
//! those that wait beside it nor wastes what it began: the connection goes to the next that waits, or is kept. HTTP/2
//! needs one connection for all, HTTP/1.1 one for each call that is on its way; where TLS decides, one is made first, and
//! shows which it is. No more are being made than calls wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::header::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;

use super::connector::{Connection, Connector, Version};
use super::failure;
use super::http1::Http1;
use super::http2::Http2;
use super::kept::Kept;
use super::lease::{Lease, Received, Unanswered};
use super::transport::BoxError;

/// The connections to one server.
pub(super) struct Pool {
    inner: Arc<Inner>,
}

/// What connections that are out find their way back to.
pub(super) struct Inner {
    connector: Connector,
    /// Scheme, host and port.
    server: Uri,
    /// The name of the server, for errors.
    authority: Authority,
    host: HeaderValue,
    idle_timeout: Option<Duration>,
    max_idle: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the last connection was HTTP/1.1, so that one will not do for all.
    exclusive: bool,
    /// Those who wait, the first one first.
    waiting: BTreeMap<u64, oneshot::Sender<Result<Lease, Status>>>,
    /// How many ever waited.
    waited: u64,
    /// How many connections are being made.
    connecting: usize,
    kept: Kept,
    /// The task that closes what is kept too long.
    expiry: Option<AbortHandle>,
}

impl Pool {
    pub(super) fn new(
        connector: Connector,
        (idle_timeout, max_idle): (Option<Duration>, usize),
        (scheme, authority): (Scheme, Authority),
    ) -> Result<Self, http::Error> {
        let host = match authority.port_u16() {
            None => authority.host(),
            Some(80) if scheme == Scheme::HTTP => authority.host(),
            Some(443) if scheme == Scheme::HTTPS => authority.host(),
            _ => authority.as_str(),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                host: HeaderValue::try_from(host)?,
                server: Uri::builder()
                    .scheme(scheme)
                    .authority(authority.clone())
                    .path_and_query(PathAndQuery::from_static("/"))
                    .build()?,
                authority,
                connector,
                idle_timeout,
                max_idle,
                state: Mutex::default(),
            }),
        })
    }

    /// Connections of the same kind to the server that `uri` names, which are not kept.
    pub(super) fn elsewhere(&self, uri: &Uri) -> Result<Self, Status> {
        let connector = self.inner.connector.clone();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Status::invalid_argument(format!("{uri} names no server")));
        };
        Self::new(connector, (None, 0), (scheme.clone(), authority.clone()))
            .map_err(|error| Status::invalid_argument(format!("{uri} is no URL: {error}")))
    }

    /// Sends `request`, whose URI is whole, and awaits the head of the response.
    pub(super) async fn send(
        &self,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Received>, Status> {
        loop {
            let lease = self.lease().await?;
            let reused = lease.reused;
            match lease.send(request, &self.inner.host).await {
                Ok(response) => return Ok(response),
                // The server closed a connection that lay idle, before anything of the request was written.
                Err(Unanswered {
                    unsent: Some(unsent),
                    ..
                }) if reused => request = unsent,
                Err(Unanswered { error, .. }) => {
                    return Err(failure::request(error, self.inner.authority.as_str()));
                }
            }
        }
    }

    async fn lease(&self) -> Result<Lease, Status> {
        let (mut turn, attempts) = {
            let mut state = self.inner.state();
            if let Some(connection) = state.kept.take(self.inner.idle_timeout) {
                return Ok(Lease::new(connection, &self.inner, true));
            }
            let (sender, lease) = oneshot::channel();
            let place = state.waited;
            state.waited += 1;
            state.waiting.insert(place, sender);
            let turn = Turn {
                pool: &self.inner,
                place,
                lease,
            };
            (turn, self.inner.missing_attempts(&mut state))
        };
        attempts.into_iter().for_each(Attempt::begin);
        (&mut turn.lease).await.unwrap_or_else(|_| {
            Err(Status::unavailable(format!(
                "cannot connect to {}: the runtime that connects is shutting down",
                self.inner.authority
            )))
        })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in there panics, and what is in there is whole after each line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one connection will do for all who wait.
    fn shares(&self, state: &State) -> bool {
        match self.connector.version() {
            Version::Http1 => false,
            Version::Http2 => true,
            Version::Negotiated => !state.exclusive,
        }
    }

    /// The attempts that those who wait still need, to begin once the state is let go.
    fn missing_attempts(self: &Arc<Self>, state: &mut State) -> Vec<Attempt> {
        let wanted = match self.shares(state) {
            true => state.waiting.len().min(1),
            false => state.waiting.len(),
        };
        let missing = wanted.saturating_sub(state.connecting);
        state.connecting += missing;
        (0..missing)
            .map(|_| Attempt(Arc::downgrade(self)))
            .collect()
    }

    /// Takes in what became of an attempt.
    fn connected(self: &Arc<Self>, result: Result<Connection, Status>) {
        let mut state = self.state();
        state.connecting -= 1;
        match result {
            Ok(Connection::Http1(connection)) => {
                state.exclusive = true;
                drop(state);
                self.hand_on(connection, false);
                let attempts = self.missing_attempts(&mut self.state());
                attempts.into_iter().for_each(Attempt::begin);
            }
            Ok(Connection::Http2(connection)) => {
                state.exclusive = false;
                let waiting = std::mem::take(&mut state.waiting);
                self.keep(&mut state, Connection::Http2(Arc::clone(&connection)));
                drop(state);
                for waiting in waiting.into_values() {
                    let connection = Connection::Http2(Arc::clone(&connection));
                    // Who gave up needs none.
                    let _ = waiting.send(Ok(Lease::new(connection, self, false)));
                }
            }
            Err(status) => {
                // The others wait for attempts that still go on.
                let failed = state.waiting.len().saturating_sub(state.connecting);
                let failed: Vec<_> = (0..failed)
                    .filter_map(|_| state.waiting.pop_first())
                    .collect();
                drop(state);
                for (_, waiting) in failed {
                    let _ = waiting.send(Err(status.clone()));
                }
            }
        }
    }

    /// Gives the connection to the first who waits; else it is kept.
    pub(super) fn hand_on(self: &Arc<Self>, connection: Http1, used: bool) {
        let mut lease = Lease::new(Connection::Http1(connection), self, used);
        loop {
            let mut state = self.state();
            let Some((_, waiting)) = state.waiting.pop_first() else {
                return self.keep(&mut state, lease.connection);
            };
            drop(state);
            match waiting.send(Ok(lease)) {
                // That one gave up.
                Err(Ok(refused)) => lease = refused,
                Ok(()) | Err(Err(_)) => return,
            }
        }
    }

    /// A call is over that had the connection of HTTP/2.
    pub(super) fn ended(&self, connection: &Arc<Http2>) {
        self.state().kept.ended(connection);
    }

    fn keep(self: &Arc<Self>, state: &mut State, connection: Connection) {
        state.kept.add(connection, self.max_idle);
        if self.max_idle > 0 {
            self.watch_expiry(state);
        }
    }

    /// Sees to it that what is kept is closed when its time is over.
    fn watch_expiry(self: &Arc<Self>, state: &mut State) {
        let Some(timeout) = self.idle_timeout else {
            return;
        };
        if state
            .expiry
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return;
        }
        // Without a runtime there is none to close it; whoever takes the connection looks at its time as well.
        if let Ok(runtime) = Handle::try_current() {
            let task = runtime.spawn(expire(Arc::downgrade(self), timeout));
            state.expiry = Some(task.abort_handle());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.state().expiry.take() {
            task.abort();
        }
    }
}

async fn expire(pool: Weak<Inner>, timeout: Duration) {
    let mut next = timeout;
    loop {
        sleep(next).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        let mut state = pool.state();
        match state.kept.expire(timeout) {
            Some(left) => next = left,
            None => {
                state.expiry = None;
                return;
            }
        }
    }
}

/// A call that waits for a connection. Given up, it leaves its place, and what it was given just then.
struct Turn<'a> {
    pool: &'a Arc<Inner>,
    place: u64,
    lease: oneshot::Receiver<Result<Lease, Status>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.lease.close();
        self.pool.state().waiting.remove(&self.place);
        if let Ok(Ok(lease)) = self.lease.try_recv()
            && let Connection::Http1(connection) = lease.connection
        {
            self.pool.hand_on(connection, lease.reused);
        }
    }
}

/// A connection that is being made. Whatever becomes of it, the pool hears so.
struct Attempt(Weak<Inner>);

impl Attempt {
    /// Goes on in a task of its own. The state must be free: a runtime that shuts down drops the task at once, and the
    /// pool hears of it here.
    fn begin(self) {
        let Some(pool) = self.0.upgrade() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) => {
                let connecting = pool.connector.clone().connect(pool.server.clone());
                runtime.spawn(async { self.end(connecting.await) });
            }
            Err(error) => self.end(Err(error.into())),
        }
    }

    fn end(mut self, result: Result<Connection, BoxError>) {
        // Without the pool there is nobody left who waits.
        if let Some(pool) = std::mem::take(&mut self.0).upgrade() {
            let server = pool.authority.as_str();
            pool.connected(result.map_err(|error| failure::connecting(error, server)));
        }
    }
}

impl Drop for Attempt {
    /// The runtime ended, or something panicked.
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.connected(Err(Status::unavailable(format!(
                "cannot connect to {}: the attempt was broken off",
                pool.authority
            ))));
        }
    }
}
