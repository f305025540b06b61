//! One prebuild: its spec, its status, and who works on it now.

use std::time::Duration;

use jiff::Timestamp;
use prebuilds::v1::{PrebuildPhase, prebuild_metadata::PrebuildTrigger};
use uuid::Uuid;

use super::{Subject, new_id, source::Source};

/// A prebuild as it is stored: the row is the job, there is no second queue.
///
/// The rules by which it changes are in `lifecycle.rs`; whoever writes a field past them breaks the
/// invariants.
#[derive(Clone, Debug, PartialEq)]
pub struct Prebuild {
    /// Version 7: sorts by creation.
    pub id: Uuid,
    /// The organization that owns it.
    pub organization_id: Uuid,
    /// The project it was made of.
    pub project_id: Uuid,
    /// The class of its environment.
    pub environment_class_id: Uuid,
    /// Who asked for it.
    pub creator: Subject,
    /// Whose credentials it uses; unset: the creator's.
    pub executor: Option<Subject>,
    /// What made it start.
    pub trigger: PrebuildTrigger,
    /// When it was accepted; its timeout counts from here.
    pub created_at: Timestamp,
    /// When spec or status last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change of the spec; starts at 1.
    pub spec_version: u64,
    /// What was asked for: `COMPLETED`, `CANCELLED` or `DELETED`.
    pub desired_phase: PrebuildPhase,
    /// Wall time from creation within which it must end.
    pub timeout: Duration,
    /// What is built, frozen at creation: a later change of the project does not reach it.
    pub source: Source,
    /// Where it stands.
    pub phase: PrebuildPhase,
    /// Grows by one with every change of the status; starts at 1.
    pub status_version: u64,
    /// When it ended, if it has.
    pub completion_time: Option<Timestamp>,
    /// Why it failed; empty unless it did.
    pub failure_message: String,
    /// What went wrong although the result is usable, one line each; may be empty.
    pub warning_message: String,
    /// The environment of the current attempt, once one exists.
    pub environment_id: Option<Uuid>,
    /// How much of the snapshot is stored, 0 to 100; 100 if and only if completed.
    pub snapshot_percentage: u8,
    /// The size of the stored snapshot; 0 until completed.
    pub snapshot_size_bytes: u64,
    /// The commit that was checked out, once known.
    pub commit: Option<String>,
    /// Equal for prebuilds whose result is interchangeable; known once the configuration was read.
    pub reuse_key: Option<String>,
    /// How often making it was begun.
    pub attempts: u32,
    /// The epoch in which the current attempt was begun; another than `epoch` means that its maker
    /// is gone.
    pub attempt_epoch: u64,
    /// The fencing epoch: grows by one with every claim. A writer with an older one is refused.
    pub epoch: u64,
    /// Who works on it, if someone does.
    pub lease: Option<Lease>,
}

/// The exclusive right to work on a prebuild, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The process that holds it.
    pub owner: Uuid,
    /// From then on someone else may claim the prebuild.
    pub expires_at: Timestamp,
}

/// What must be said to create a prebuild; the rest is managed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPrebuild {
    /// The organization that owns it.
    pub organization_id: Uuid,
    /// The project it is made of.
    pub project_id: Uuid,
    /// The class of its environment.
    pub environment_class_id: Uuid,
    /// Who asks for it.
    pub creator: Subject,
    /// Whose credentials it uses; unset: the creator's.
    pub executor: Option<Subject>,
    /// What makes it start.
    pub trigger: PrebuildTrigger,
    /// Wall time from creation within which it must end.
    pub timeout: Duration,
    /// What is built.
    pub source: Source,
}

impl Prebuild {
    /// A prebuild accepted at `now`: pending, and asked to complete.
    pub fn new(new: NewPrebuild, now: Timestamp) -> Self {
        Self {
            id: new_id(now),
            organization_id: new.organization_id,
            project_id: new.project_id,
            environment_class_id: new.environment_class_id,
            creator: new.creator,
            executor: new.executor,
            trigger: new.trigger,
            created_at: now,
            updated_at: now,
            spec_version: 1,
            desired_phase: PrebuildPhase::Completed,
            timeout: new.timeout,
            source: new.source,
            phase: PrebuildPhase::Pending,
            status_version: 1,
            completion_time: None,
            failure_message: String::new(),
            warning_message: String::new(),
            environment_id: None,
            snapshot_percentage: 0,
            snapshot_size_bytes: 0,
            commit: None,
            reuse_key: None,
            attempts: 0,
            attempt_epoch: 0,
            epoch: 0,
            lease: None,
        }
    }
}
