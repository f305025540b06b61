//! Waiting for a prebuild.
//!
//! The order rules out a missed change: first the events, then the state, and the state again after every event. Where
//! events are not to be had the state is polled, and even where they are it is read now and then, in case one is lost
//! on the way. A server that is restarted is waited for.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::Code;

use super::call::jittered;
use super::events::Events;
use super::{Client, ClientError};
use crate::v1::{Prebuild, PrebuildPhase};

const FIRST_POLL: Duration = Duration::from_secs(1);
const MAX_POLL: Duration = Duration::from_secs(10);
/// Between reads while events come.
const RECHECK: Duration = Duration::from_secs(30);
/// How long a server that answered once may be away.
const MAX_OUTAGE: Duration = Duration::from_secs(5 * 60);

impl Client {
    /// Waits until a prebuild has ended, whichever way, and returns it: look at its phase.
    ///
    /// # Errors
    /// As [`Client::wait_until`].
    pub async fn wait(&self, id: &str) -> Result<Prebuild, ClientError> {
        self.wait_until(id, |_| false).await
    }

    /// Waits until `reached` says so, or until the prebuild [has ended](PrebuildPhase::has_ended), since then nothing
    /// more will come; returns the prebuild as it was then.
    ///
    /// `reached` is called with the prebuild as it is found first, and after every change that is seen: also the place
    /// to show progress. States that pass quickly may be skipped.
    ///
    /// Changes are learnt from the server's events; from a server that has none, by polling every 1 s to 10 s. There is
    /// no deadline: put one around it with [`tokio::time::timeout`] if the prebuild's own is not enough.
    ///
    /// # Errors
    /// [`ClientError::Status`] when the prebuild cannot be read; once it could be, an unavailable or overloaded server
    /// is waited for, up to five minutes.
    pub async fn wait_until(
        &self,
        id: &str,
        mut reached: impl FnMut(&Prebuild) -> bool,
    ) -> Result<Prebuild, ClientError> {
        let mut events = Events::new(self.clone(), id.to_owned());
        let mut last: Option<(Prebuild, Instant)> = None;
        let mut poll = FIRST_POLL;
        loop {
            let pause = if events.are_open() {
                RECHECK
            } else {
                jittered(poll)
            };
            // Either way it is time to look.
            let _ = timeout(pause, events.changed()).await;
            poll = (poll * 3 / 2).min(MAX_POLL);
            match (self.get(id).await, &mut last) {
                (Ok(prebuild), Some((same, at))) if *same == prebuild => *at = Instant::now(),
                (Ok(prebuild), _) => {
                    if reached(&prebuild) || phase(&prebuild).has_ended() {
                        return Ok(prebuild);
                    }
                    last = Some((prebuild, Instant::now()));
                    poll = FIRST_POLL;
                }
                (Err(error), Some((_, at))) if is_passing(&error) && at.elapsed() < MAX_OUTAGE => {}
                (Err(error), _) => return Err(error),
            }
        }
    }
}

pub(super) fn phase(prebuild: &Prebuild) -> PrebuildPhase {
    prebuild
        .status
        .as_ref()
        .map_or(PrebuildPhase::Unspecified, |status| status.phase())
}

fn is_passing(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted)
    )
}
