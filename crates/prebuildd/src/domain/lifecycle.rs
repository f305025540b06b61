//! The rules by which a prebuild changes.
//!
//! Three parties write: the API changes the spec on request ([`Prebuild::request_cancel`],
//! [`Prebuild::request_delete`]), whoever holds the lease reports on its work
//! ([`Prebuild::apply`]), and [`Prebuild::next_step`] tells the holder what that work is, from the
//! row and the time alone. A holder that died left nothing but the row behind, so its successor
//! begins a new attempt from scratch while the phase stays where it was: to the outside a prebuild
//! only moves forward.

use jiff::Timestamp;
use prebuilds::v1::PrebuildPhase;
use uuid::Uuid;

use super::Prebuild;

/// How often making a prebuild is begun before it fails: an attempt ends early only when the process
/// that makes it dies, and what kills it thrice will kill it again. A process that is told to stop
/// withdraws its attempt.
pub const MAX_ATTEMPTS: u32 = 3;

/// The longest failure or warning message that is kept, in bytes; longer ones are cut.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// What the holder of the lease must do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a fresh environment, remove what an earlier attempt left, and build from the beginning.
    /// First report [`StatusUpdate::BeginAttempt`].
    Begin,
    /// Go on with the attempt that was begun in this epoch.
    Continue,
    /// End every process, remove the environment, then report [`StatusUpdate::Fail`] with this
    /// message.
    Fail {
        /// Why, for people.
        message: String,
    },
    /// End every process, remove the environment, then report [`StatusUpdate::FinishCancel`].
    FinishCancel,
    /// Report [`StatusUpdate::BeginDelete`].
    BeginDelete,
    /// Remove environment, snapshot and log, then report [`StatusUpdate::FinishDelete`].
    FinishDelete,
    /// Release it: nothing is left to do.
    Nothing,
}

/// What the holder of the lease reports. Each grows `status_version` by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusUpdate {
    /// An attempt begins, in a fresh environment. The first one makes it `STARTING`; a later one
    /// keeps the phase.
    BeginAttempt {
        /// The environment of this attempt.
        environment_id: Uuid,
    },
    /// The holder ends of its own accord and left nothing behind: the attempt does not count, and
    /// the phase stays where it is for the next holder.
    WithdrawAttempt,
    /// The next phase on the way to the snapshot: `RUNNING`, `STOPPING` or `SNAPSHOTTING`. See
    /// [`Prebuild::is_before`] for attempts that repeat what the phase has already passed.
    Advance(PrebuildPhase),
    /// What is being built became known.
    Resolve {
        /// The commit that was checked out.
        commit: String,
        /// Equal for prebuilds whose result is interchangeable.
        reuse_key: Option<String>,
    },
    /// Something went wrong, but the result will be usable. A line that is there already is not
    /// repeated.
    Warn(String),
    /// This much of the snapshot is stored, in percent; it never shrinks, and 100 waits for
    /// `COMPLETED`.
    SnapshotProgress(u8),
    /// The snapshot is stored and was read back: `COMPLETED`.
    Complete {
        /// What the stored snapshot takes, in bytes; more than 0.
        snapshot_size_bytes: u64,
    },
    /// It failed: `FAILED`.
    Fail {
        /// Why, for a person who has nothing else; not empty.
        message: String,
    },
    /// No process and no environment is left: `CANCELLED`.
    FinishCancel,
    /// What was made is about to be removed: `DELETING`.
    BeginDelete,
    /// Nothing is left but the row: `DELETED`.
    FinishDelete,
}

/// A report that does not fit where the prebuild stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedUpdate {
    /// The machine does not allow it.
    #[error("a prebuild that is {} cannot become {}", from.name(), to.name())]
    Transition {
        /// Where it stands.
        from: PrebuildPhase,
        /// Where it should have gone.
        to: PrebuildPhase,
    },
    /// Only a prebuild in progress can be reported on so.
    #[error("a prebuild that is {} is not in progress", .0.name())]
    NotInProgress(PrebuildPhase),
    /// Its attempts are used up.
    #[error("{MAX_ATTEMPTS} attempts were made: no other may begin")]
    NoAttemptLeft,
    /// No attempt was begun in this epoch.
    #[error("no attempt was begun in this epoch: there is none to withdraw")]
    NoAttempt,
    /// It was not asked to be deleted.
    #[error("deletion was not asked for")]
    NotToBeDeleted,
    /// A completed prebuild has a snapshot, and no snapshot is empty.
    #[error("a snapshot of 0 bytes is none")]
    EmptySnapshot,
    /// A failure needs its reason.
    #[error("a failure needs a message")]
    NoMessage,
}

/// The prebuild has ended: there is nothing to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prebuild has ended: it is {}", .0.name())]
pub struct NotCancellable(
    /// How it ended.
    pub PrebuildPhase,
);

impl Prebuild {
    /// When its time is up: wall time from creation, over every phase and restart.
    pub fn deadline(&self) -> Timestamp {
        self.created_at
            .checked_add(self.timeout)
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether someone must claim it: it is in progress, being cancelled, or to be deleted.
    pub fn needs_work(&self) -> bool {
        match self.phase {
            PrebuildPhase::Deleted => false,
            phase if phase.is_terminal() => self.desired_phase == PrebuildPhase::Deleted,
            _ => true,
        }
    }

    /// Whether `phase` still lies ahead on the way to the snapshot. An attempt that repeats the work
    /// of phases already shown reports only those ahead.
    pub fn is_before(&self, phase: PrebuildPhase) -> bool {
        self.phase.is_in_progress() && phase.is_in_progress() && self.phase < phase
    }

    /// What the holder of the lease must do at `now`.
    pub fn next_step(&self, now: Timestamp) -> Step {
        match self.phase {
            phase if phase.is_in_progress() => {
                if now >= self.deadline() {
                    Step::Fail {
                        message: self.timeout_message(),
                    }
                } else if self.attempts > 0 && self.attempt_epoch == self.epoch {
                    Step::Continue
                } else if self.attempts >= MAX_ATTEMPTS {
                    Step::Fail {
                        message: format!(
                            "gave up after {MAX_ATTEMPTS} attempts: each ended with the process \
                             that ran it, the last while {}",
                            self.phase.name()
                        ),
                    }
                } else {
                    Step::Begin
                }
            }
            PrebuildPhase::Cancelling => Step::FinishCancel,
            PrebuildPhase::Deleting => Step::FinishDelete,
            _ if self.needs_work() => Step::BeginDelete,
            _ => Step::Nothing,
        }
    }

    fn timeout_message(&self) -> String {
        let timeout =
            jiff::SignedDuration::try_from(self.timeout).unwrap_or(jiff::SignedDuration::MAX);
        format!(
            "timed out after {timeout:#} while {}: the timeout counts from creation; raise it, or \
             make the commands faster",
            self.phase.name()
        )
    }

    /// Asks for cancellation. Returns whether that changed anything: asking twice is fine.
    pub fn request_cancel(&mut self, now: Timestamp) -> Result<bool, NotCancellable> {
        match self.phase {
            phase if phase.is_cancellable() => {
                self.ask_for(PrebuildPhase::Cancelled);
                self.enter(PrebuildPhase::Cancelling, now);
                Ok(true)
            }
            PrebuildPhase::Cancelling => Ok(false),
            PrebuildPhase::Cancelled if self.desired_phase == PrebuildPhase::Cancelled => Ok(false),
            phase => Err(NotCancellable(phase)),
        }
    }

    /// Asks for deletion, by way of cancellation if it has not ended. Returns whether that changed
    /// anything: asking twice is fine.
    pub fn request_delete(&mut self, now: Timestamp) -> bool {
        if self.desired_phase == PrebuildPhase::Deleted {
            return false;
        }
        self.ask_for(PrebuildPhase::Deleted);
        if self.phase.is_cancellable() {
            self.enter(PrebuildPhase::Cancelling, now);
        } else if self.phase.is_terminal() {
            self.enter(PrebuildPhase::Deleting, now);
        } else {
            self.updated_at = now;
        }
        true
    }

    /// Applies a report of the holder of the lease, or refuses it and changes nothing.
    pub fn apply(&mut self, update: StatusUpdate, now: Timestamp) -> Result<(), RefusedUpdate> {
        match update {
            StatusUpdate::BeginAttempt { environment_id } => {
                self.require_progress()?;
                if self.attempts >= MAX_ATTEMPTS {
                    return Err(RefusedUpdate::NoAttemptLeft);
                }
                self.attempts += 1;
                self.attempt_epoch = self.epoch;
                self.environment_id = Some(environment_id);
                if self.phase == PrebuildPhase::Pending {
                    self.phase = PrebuildPhase::Starting;
                }
            }
            StatusUpdate::WithdrawAttempt => {
                self.require_progress()?;
                if self.attempts == 0 || self.attempt_epoch != self.epoch {
                    return Err(RefusedUpdate::NoAttempt);
                }
                self.attempts -= 1;
                self.attempt_epoch = 0;
            }
            StatusUpdate::Advance(to) => {
                self.require_transition(to)?;
                if !self.is_before(to) || to == PrebuildPhase::Starting {
                    return Err(self.refuse(to));
                }
                self.phase = to;
            }
            StatusUpdate::Resolve { commit, reuse_key } => {
                self.require_progress()?;
                self.commit = Some(commit);
                self.reuse_key = reuse_key;
            }
            StatusUpdate::Warn(line) => {
                self.require_progress()?;
                self.warn(&line);
            }
            StatusUpdate::SnapshotProgress(percentage) => {
                if self.phase != PrebuildPhase::Snapshotting {
                    return Err(self.refuse(PrebuildPhase::Snapshotting));
                }
                self.snapshot_percentage = self.snapshot_percentage.max(percentage.min(99));
            }
            StatusUpdate::Complete {
                snapshot_size_bytes,
            } => {
                self.require_transition(PrebuildPhase::Completed)?;
                if snapshot_size_bytes == 0 {
                    return Err(RefusedUpdate::EmptySnapshot);
                }
                self.snapshot_size_bytes = snapshot_size_bytes;
                self.snapshot_percentage = 100;
                self.end(PrebuildPhase::Completed, now);
            }
            StatusUpdate::Fail { message } => {
                self.require_transition(PrebuildPhase::Failed)?;
                if message.is_empty() {
                    return Err(RefusedUpdate::NoMessage);
                }
                self.failure_message = message;
                cut(&mut self.failure_message);
                self.end(PrebuildPhase::Failed, now);
            }
            StatusUpdate::FinishCancel => {
                self.require_transition(PrebuildPhase::Cancelled)?;
                self.end(PrebuildPhase::Cancelled, now);
            }
            StatusUpdate::BeginDelete => {
                self.require_transition(PrebuildPhase::Deleting)?;
                if self.desired_phase != PrebuildPhase::Deleted {
                    return Err(RefusedUpdate::NotToBeDeleted);
                }
                self.phase = PrebuildPhase::Deleting;
            }
            StatusUpdate::FinishDelete => {
                self.require_transition(PrebuildPhase::Deleted)?;
                self.phase = PrebuildPhase::Deleted;
            }
        }
        self.status_version += 1;
        self.updated_at = now;
        Ok(())
    }

    fn ask_for(&mut self, desired: PrebuildPhase) {
        self.desired_phase = desired;
        self.spec_version += 1;
    }

    fn enter(&mut self, phase: PrebuildPhase, now: Timestamp) {
        self.phase = phase;
        self.status_version += 1;
        self.updated_at = now;
    }

    fn end(&mut self, phase: PrebuildPhase, now: Timestamp) {
        self.phase = phase;
        self.completion_time = Some(now);
    }

    fn warn(&mut self, line: &str) {
        if self.warning_message.lines().any(|known| known == line) {
            return;
        }
        if !self.warning_message.is_empty() {
            self.warning_message.push('\n');
        }
        self.warning_message.push_str(line);
        cut(&mut self.warning_message);
    }

    fn require_progress(&self) -> Result<(), RefusedUpdate> {
        if self.phase.is_in_progress() {
            Ok(())
        } else {
            Err(RefusedUpdate::NotInProgress(self.phase))
        }
    }

    fn require_transition(&self, to: PrebuildPhase) -> Result<(), RefusedUpdate> {
        if self.phase.can_transition_to(to) {
            Ok(())
        } else {
            Err(self.refuse(to))
        }
    }

    fn refuse(&self, to: PrebuildPhase) -> RefusedUpdate {
        RefusedUpdate::Transition {
            from: self.phase,
            to,
        }
    }
}

/// Cuts a message to [`MAX_MESSAGE_BYTES`], at the boundary of a character.
fn cut(message: &mut String) {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
}
