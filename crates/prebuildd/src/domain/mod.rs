//! What the backend is about, as plain values and rules: no I/O, and no clock of its own. Time comes
//! in as a parameter, so that every rule can be tested at any instant.

mod environment_class;
mod identity;
mod lifecycle;
mod prebuild;
mod project;
pub mod source;

pub use environment_class::EnvironmentClass;
pub use identity::{Organization, Subject, Token, TokenHash};
pub use lifecycle::{
    MAX_ATTEMPTS, MAX_MESSAGE_BYTES, NotCancellable, RefusedUpdate, StatusUpdate, Step,
};
pub use prebuild::{Lease, NewPrebuild, Prebuild};
pub use project::{Editor, Initializer, PrebuildConfiguration, Project};

use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

/// A new id of version 7 for something created at `now`: ids sort by creation, down to a quarter of
/// a microsecond.
pub fn new_id(now: Timestamp) -> Uuid {
    let context = ContextV7::new().with_additional_precision();
    let since_epoch = std::time::Duration::try_from(now.as_duration()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(
        &context,
        since_epoch.as_secs(),
        since_epoch.subsec_nanos(),
    ))
}
