//! What must survive: projects, prebuilds, who may call, and who works on what.
//!
//! A store keeps rows and decides races; the rules by which a prebuild changes are the domain's, and
//! every store applies them inside its own transactions. What a write call has answered is durable.
//! Time is always passed in.
//!
//! The API sees rows of one organization only: a row of another answers exactly as one that does not
//! exist. The controller's side ([`Queue`]) sees all.

mod feed;
mod identities;
mod prebuilds;
mod projects;
mod queue;
pub mod sqlite;

pub use feed::{Change, Operation, Resource};
pub use identities::Identities;
pub use prebuilds::{PrebuildFilter, Prebuilds};
pub use projects::{
    EnvironmentClassFilter, Order, ProjectCursor, ProjectFilter, ProjectKey, ProjectSort, Projects,
};
pub use queue::{Queue, Work};

use tokio::sync::broadcast;

use crate::domain::{NotCancellable, RefusedUpdate};

/// Everything that a backend keeps, usable as `Arc<dyn Store>`.
pub trait Store: Identities + Projects + Prebuilds + Queue {
    /// Changes made through this store from now on, sent after they are durable. Changes made by
    /// other processes are not among them. Who lags loses the oldest: what is reported is that
    /// something changed, so look at the rows.
    fn subscribe(&self) -> broadcast::Receiver<Change>;
}

/// Why a call on the store did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such row, or not for this organization.
    #[error("{0} not found")]
    NotFound(
        /// What was looked for: `prebuild`, `project`, …
        &'static str,
    ),
    /// Something with that id or name exists.
    #[error("{0} already exists")]
    AlreadyExists(
        /// What was to be created.
        &'static str,
    ),
    /// Someone else wrote first, or holds the lease now: read again.
    #[error("the row was changed by someone else")]
    Conflict,
    /// The prebuild has ended: there is nothing to cancel.
    #[error(transparent)]
    NotCancellable(#[from] NotCancellable),
    /// The report does not fit where the prebuild stands.
    #[error(transparent)]
    RefusedUpdate(#[from] RefusedUpdate),
    /// The store was written by a newer version of this program.
    #[error(
        "the store has schema {found}, and this program knows schemas up to {known}: use the newer \
         program that wrote it, or another data folder"
    )]
    NewerSchema {
        /// The schema of the store.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A stored value cannot be read.
    #[error("the store holds a value that cannot be read: {0}")]
    Corrupt(
        /// Which, and why.
        String,
    ),
    /// The store cannot be reached or is busy: try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Some rows of a listing, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows, in the order of the listing.
    pub items: Vec<T>,
    /// What to list after to get the next rows; unset: these were the last.
    pub next: Option<C>,
}
