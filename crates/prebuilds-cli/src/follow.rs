//! Staying with prebuilds until they have ended, and cancelling them when one is told to end.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::{join_all, pending};
use prebuilds::client::{Client, ClientError};
use prebuilds::v1::{Prebuild, PrebuildPhase};
use tokio::sync::oneshot;
use tonic::Code;

use crate::failure::{Failure, warn};
use crate::humanize::one_line;
use crate::interrupt::{Interrupts, Signal};
use crate::progress::Progress;
use crate::resources::{phase, status};

/// How long the end of the log may come after the end of the prebuild.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Prebuilds that have ended, and the signal that ended them if one did.
pub(crate) struct Ended {
    pub(crate) prebuilds: Vec<Prebuild>,
    pub(crate) signal: Option<Signal>,
}

impl Ended {
    /// Success if all prebuilds are COMPLETED. Why one is not goes to standard error.
    pub(crate) fn result(self) -> Result<(), Failure> {
        if let Some(signal) = self.signal {
            return Err(Failure::Interrupted(signal));
        }
        let reasons: Vec<String> = self.prebuilds.iter().filter_map(reason).collect();
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(Failure::Failed(reasons.join("\n")))
        }
    }
}

/// Why a prebuild has no snapshot, if it has none.
fn reason(prebuild: &Prebuild) -> Option<String> {
    let id = &prebuild.id;
    match phase(prebuild) {
        PrebuildPhase::Completed => None,
        PrebuildPhase::Failed => Some(format!(
            "prebuild {id} failed: {}\n  its log: prebuilds logs {id}",
            one_line(&status(prebuild).failure_message)
        )),
        other => Some(format!(
            "prebuild {id} was {} by somebody else",
            match other {
                PrebuildPhase::Cancelled => "cancelled",
                _ => "deleted",
            }
        )),
    }
}

/// Waits for the end of these prebuilds and shows how they get there; the log as well when it is
/// asked for. The first signal cancels them, the second gives up waiting.
pub(crate) async fn follow(
    client: &Client,
    prebuilds: &[Prebuild],
    with_log: bool,
    interrupts: &mut Interrupts,
) -> Result<Ended, Failure> {
    let alone = prebuilds.len() == 1;
    let watched = prebuilds.iter().map(|prebuild| {
        let progress = if alone {
            Progress::new()
        } else {
            Progress::among_others(format!("{}: ", prebuild.id))
        };
        watch(client, prebuild, progress, with_log)
    });
    let signal = Cell::new(None);
    let stop = async {
        signal.set(Some(interrupts.next().await));
        let cancelling = async {
            cancel(client, prebuilds).await;
            pending().await
        };
        tokio::select! {
            second = cancelling => second,
            second = interrupts.next() => second,
        }
    };
    let ended = tokio::select! {
        ended = join_all(watched) => ended,
        second = stop => return Err(Failure::Interrupted(second)),
    };
    Ok(Ended {
        prebuilds: ended.into_iter().collect::<Result<_, _>>()?,
        signal: signal.get(),
    })
}

async fn cancel(client: &Client, prebuilds: &[Prebuild]) {
    warn("cancelling; once more gives up waiting for it");
    for prebuild in prebuilds {
        match client.cancel(&prebuild.id).await {
            Ok(_) => {}
            // It has ended already.
            Err(error) if error.code() == Some(Code::FailedPrecondition) => {}
            Err(error) => warn(&format!("cannot cancel prebuild {}: {error}", prebuild.id)),
        }
    }
}

/// Shows one prebuild until it has ended.
async fn watch(
    client: &Client,
    prebuild: &Prebuild,
    progress: Progress,
    with_log: bool,
) -> Result<Prebuild, Failure> {
    // Told from two sides, one at a time.
    let progress = RefCell::new(progress);
    let id = prebuild.id.as_str();
    let (has_ended, ended) = oneshot::channel::<()>();
    let end = async {
        let end = client.wait_until(id, |prebuild| {
            progress.borrow_mut().update(prebuild);
            false
        });
        let end = end.await;
        drop(has_ended);
        end
    };
    let log = async {
        if with_log {
            tokio::select! {
                () = show_log(client, id, &progress) => {}
                () = async {
                    let _ = ended.await;
                    tokio::time::sleep(LAST_LINES).await;
                } => {}
            }
        }
    };
    let (end, ()) = tokio::join!(end, log);
    progress.into_inner().end();
    Ok(end?)
}

/// Shows the log to its end. A prebuild does not depend on whether its log can be read.
async fn show_log(client: &Client, id: &str, progress: &RefCell<Progress>) {
    let show = async {
        let mut chunks = client.logs(id, true).await?;
        while let Some(chunk) = chunks.try_next().await? {
            progress.borrow_mut().log(&chunk);
        }
        Ok(())
    };
    match show.await {
        // It ended before there was one.
        Ok(()) | Err(ClientError::NoLog { .. }) => {}
        Err(error) => progress
            .borrow()
            .line(&format!("the log cannot be shown: {error}")),
    }
}
