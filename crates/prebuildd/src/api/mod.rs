//! The services of the public API over a store: authenticate, authorize, validate, translate.
//!
//! One file per service. What a prebuild may do is the domain's business, and who wins a race is the
//! store's; here a request becomes a call to the store, and a row becomes a message. Who calls is
//! found out before a request's body is read, by [`crate::http`], and travels with the request as a
//! [`Caller`]; a request that comes without one is refused.

mod authentication;
mod convert;
mod error;
mod event;
mod identity;
mod initializer;
mod page;
mod prebuild;
mod project;
mod project_settings;
mod runner_configuration;

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

pub use authentication::Caller;
pub(crate) use authentication::{bearer, unauthenticated};
pub(crate) use error::internal;
pub(crate) use page::QueryPage;
pub(crate) use prebuild::no_snapshot;

use crate::logs::LogTokens;
use crate::store::Store;

/// Every service of the API. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Api {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) log_tokens: Arc<LogTokens>,
    /// Where people and programs reach this server, without a slash at its end.
    base_url: Arc<str>,
    /// Streams end when it is cancelled.
    pub(crate) shutdown: CancellationToken,
    /// The streams of events and logs that are open.
    pub(crate) streams: TaskTracker,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The API over `store`.
    ///
    /// `base_url` is where this server is reached from outside, such as `http://127.0.0.1:8080`: the
    /// addresses of logs begin with it. Streams of events and logs end with an error when `shutdown`
    /// is cancelled, so that a server can drain.
    pub fn new(
        store: Arc<dyn Store>,
        log_tokens: LogTokens,
        base_url: &str,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            log_tokens: Arc::new(log_tokens),
            base_url: base_url.trim_end_matches('/').into(),
            shutdown,
            streams: TaskTracker::new(),
        }
    }

    /// Who calls.
    fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Status> {
        let caller = request.extensions().get::<Caller>();
        caller
            .copied()
            .ok_or_else(authentication::missing_credentials)
    }

    /// Who calls, if it may write.
    fn writer<T>(request: &tonic::Request<T>) -> Result<Caller, Status> {
        let caller = Self::caller(request)?;
        if caller.read_only {
            return Err(Status::permission_denied(
                "the token is read-only: use one that was created without --read-only",
            ));
        }
        Ok(caller)
    }
}
