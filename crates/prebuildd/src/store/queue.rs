//! Prebuilds as the controller sees them: work to claim, and to report on under a lease.
//!
//! A claim gives exclusive work for the length of a lease, and a fencing epoch one higher than every
//! claim before. A writer whose epoch is not the row's, or whose lease was given up, is refused: the
//! process that was believed dead and was not cannot do harm.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{Prebuild, StatusUpdate};

/// The two kinds of work, claimed separately so that builds that fill every slot cannot hold up an
/// ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Prebuilds in progress that are within their time.
    Build,
    /// Prebuilds to be ended: cancelled, deleted, or out of time.
    End,
}

/// The controller's side of prebuilds, over all organizations.
#[async_trait]
pub trait Queue: Send + Sync {
    /// A prebuild of whichever organization, deleted ones included.
    async fn load_prebuild(&self, id: Uuid) -> Result<Prebuild, StoreError>;

    /// Gives at most `limit` prebuilds that need `work` and that nobody holds at `now` to `owner`,
    /// until `now + lease`; each with its epoch grown by one. Projects take turns: one with few
    /// prebuilds in work comes before one with many, and within a project the oldest comes first.
    async fn claim(
        &self,
        work: Work,
        owner: Uuid,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Prebuild>, StoreError>;

    /// Extends a lease to `now + lease` and returns the row as it is now, cancellation included.
    /// [`StoreError::Conflict`]: the lease is lost, stop working.
    async fn renew(
        &self,
        id: Uuid,
        epoch: u64,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Prebuild, StoreError>;

    /// Gives a lease up. One that is lost already is no error.
    async fn release(&self, id: Uuid, epoch: u64) -> Result<(), StoreError>;

    /// Ends every lease: for the start of a process that alone works on this store, whose
    /// predecessors are all gone. Returns how many there were.
    async fn void_leases(&self) -> Result<u64, StoreError>;

    /// Applies a report by the rules of [`Prebuild::apply`], if the writer holds the lease with
    /// `epoch` and the row still has `status_version`; else [`StoreError::Conflict`]. Returns the row
    /// as it is now.
    async fn update_status(
        &self,
        id: Uuid,
        epoch: u64,
        status_version: u64,
        update: StatusUpdate,
        now: Timestamp,
    ) -> Result<Prebuild, StoreError>;

    /// The earliest instant after `now` at which work appears by the passing of time alone: a lease
    /// expires, or a prebuild that nobody holds runs out of time. What is there at `now` already can
    /// be claimed at `now`.
    async fn next_deadline(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Which of these prebuilds may have a snapshot that must be kept: completed ones, and those
    /// that are not done yet. What a store of snapshots holds beyond that may be collected.
    async fn snapshots_in_use(&self, prebuild_ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError>;

    /// The environments of all prebuilds that have not ended. Any other may be removed.
    async fn environments_in_use(&self) -> Result<HashSet<Uuid>, StoreError>;
}
