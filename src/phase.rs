//! What a [`PrebuildPhase`] means: which phases end a prebuild, which follow which, and how people
//! write them.
//!
//! The phases form one machine, the same for the backend that drives it and for clients that wait on
//! it:
//!
//! ```text
//! PENDING → STARTING → RUNNING → STOPPING → SNAPSHOTTING → COMPLETED ─┐
//!    └──────────┴──────────┴─────────┴────────────┴──────→ FAILED ────┤
//!    └──────────┴──────────┴─────────┴────────────┴→ CANCELLING → CANCELLED ─┴→ DELETING → DELETED
//! ```

use std::str::FromStr;

use crate::v1::PrebuildPhase;

/// The prefix of every value's name in the schema.
const PREFIX: &str = "PREBUILD_PHASE_";

impl PrebuildPhase {
    /// Every phase of a prebuild, in the order of the machine. `UNSPECIFIED` is not a phase.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Snapshotting,
        Self::Completed,
        Self::Failed,
        Self::Cancelling,
        Self::Cancelled,
        Self::Deleting,
        Self::Deleted,
    ];

    /// Whether the prebuild has come to its end: completed, failed, cancelled or deleted. Only
    /// deletion follows a terminal phase. `DELETING` is not terminal: work remains.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Deleted
        )
    }

    /// Whether the prebuild has ended, be it terminal or on its way to being deleted: it will never
    /// complete from here unless it has already. A wait for the outcome stops at such a phase.
    pub fn has_ended(self) -> bool {
        self.is_terminal() || self == Self::Deleting
    }

    /// Whether the prebuild is on the way to its snapshot: from `PENDING` to `SNAPSHOTTING`.
    pub fn is_in_progress(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Starting | Self::Running | Self::Stopping | Self::Snapshotting
        )
    }

    /// Whether a cancel request changes something: the prebuild is in progress and no cancellation
    /// is under way.
    pub fn is_cancellable(self) -> bool {
        self.is_in_progress()
    }

    /// Whether the machine allows `next` to follow this phase directly. A phase never follows
    /// itself.
    pub fn can_transition_to(self, next: Self) -> bool {
        match next {
            Self::Unspecified | Self::Pending => false,
            Self::Starting => self == Self::Pending,
            Self::Running => self == Self::Starting,
            Self::Stopping => self == Self::Running,
            Self::Snapshotting => self == Self::Stopping,
            Self::Completed => self == Self::Snapshotting,
            Self::Failed | Self::Cancelling => self.is_in_progress(),
            Self::Cancelled => self == Self::Cancelling,
            Self::Deleting => {
                matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
            }
            Self::Deleted => self == Self::Deleting,
        }
    }

    /// The phase in the words of a sentence: `snapshotting`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Snapshotting => "snapshotting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

/// A text that names no phase of a prebuild.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown prebuild phase {0:?}: use one of pending, starting, running, stopping, snapshotting, \
     completed, failed, cancelling, cancelled, deleting, deleted"
)]
pub struct UnknownPhase(
    /// The text, cut to its first 64 characters.
    pub String,
);

impl FromStr for PrebuildPhase {
    type Err = UnknownPhase;

    /// Reads `COMPLETED`, `completed` and `PREBUILD_PHASE_COMPLETED` alike, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = match text.get(..PREFIX.len()) {
            Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &text[PREFIX.len()..],
            _ => text,
        };
        Self::ALL
            .into_iter()
            .find(|phase| phase.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownPhase(text.chars().take(64).collect()))
    }
}
