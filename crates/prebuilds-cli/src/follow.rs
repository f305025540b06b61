//! Staying with prebuilds until they have ended, and cancelling them when one is told to end.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::{join_all, pending};
use prebuilds::client::{Client, ClientError};
use prebuilds::v1::{Prebuild, PrebuildPhase};
use tokio::sync::{oneshot, watch};
use tonic::Code;

use crate::connection::Connection;
use crate::failure::{Failure, warn};
use crate::humanize::one_line;
use crate::interrupt::{Interrupts, Signal};
use crate::progress::Progress;
use crate::resources::{phase, status};

/// How long the end of the log may come after the end of the prebuild.
const LAST_LINES: Duration = Duration::from_secs(5);
/// Before a server that was not available is asked again.
const PAUSE: Duration = Duration::from_secs(1);

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
/// asked for. When the server is another command's and ends before, this goes on with the next one.
/// The first signal cancels the prebuilds, the second gives up waiting.
pub(crate) async fn follow(
    connection: &mut Connection,
    prebuilds: &[Prebuild],
    with_log: bool,
    interrupts: &mut Interrupts,
) -> Result<Ended, Failure> {
    let followed: Vec<Followed> = match prebuilds {
        [one] => vec![Followed::new(one, Progress::new(), with_log)],
        many => many
            .iter()
            .map(|one| {
                let progress = Progress::among_others(format!("{}: ", one.id));
                Followed::new(one, progress, with_log)
            })
            .collect(),
    };
    let (ask, asked) = watch::channel(None);
    let give_up = async {
        ask.send_replace(Some(interrupts.next().await));
        warn("cancelling; once more gives up waiting for it");
        interrupts.next().await
    };
    let to_the_end = async {
        while let Err(error) = to_the_end(connection, &followed, asked.clone()).await {
            let news = match error {
                Some(error) => connection.replace_after(error).await?,
                None => connection.replace().await?,
            };
            if let Some(one) = followed.first() {
                one.progress.borrow().aside(news);
            }
        }
        Ok(())
    };
    let outcome = tokio::select! {
        ended = to_the_end => ended,
        second = give_up => Err(Failure::Interrupted(second)),
    };
    for one in &followed {
        one.progress.borrow_mut().end();
    }
    outcome?;
    Ok(Ended {
        prebuilds: followed
            .into_iter()
            .filter_map(|one| one.ended.into_inner())
            .collect(),
        signal: *asked.borrow(),
    })
}

/// Follows prebuilds as long as the server is there. An error without a reason: it has gone.
async fn to_the_end(
    connection: &Connection,
    followed: &[Followed],
    mut asked: watch::Receiver<Option<Signal>>,
) -> Result<(), Option<ClientError>> {
    let client = &connection.client;
    let cancelling = async {
        // Again on every server: what the one before answered is not known here.
        if asked.wait_for(Option::is_some).await.is_ok() {
            cancel(client, followed).await;
        }
        pending().await
    };
    tokio::select! {
        ended = join_all(followed.iter().map(|one| one.watch(client))) => {
            ended.into_iter().collect::<Result<(), _>>().map_err(Some)
        }
        () = connection.lost() => Err(None),
        never = cancelling => never,
    }
}

async fn cancel(client: &Client, followed: &[Followed]) {
    for id in followed.iter().map(|one| &one.id) {
        while let Err(error) = client.cancel(id).await {
            match error.code() {
                // It has ended already.
                Some(Code::FailedPrecondition) => break,
                // Who waits for the end waits for the server.
                Some(Code::Unavailable) => tokio::time::sleep(PAUSE).await,
                _ => {
                    warn(&format!("cannot cancel prebuild {id}: {error}"));
                    break;
                }
            }
        }
    }
}

/// A prebuild, and what has been seen of it, on whichever server.
struct Followed {
    id: String,
    /// Told from two sides, one at a time.
    progress: RefCell<Progress>,
    ended: OnceCell<Prebuild>,
    /// Whether the log is still to be shown, and how many bytes of it have been.
    log_wanted: Cell<bool>,
    log_shown: Cell<usize>,
}

impl Followed {
    fn new(prebuild: &Prebuild, progress: Progress, with_log: bool) -> Self {
        Self {
            id: prebuild.id.clone(),
            progress: RefCell::new(progress),
            ended: OnceCell::new(),
            log_wanted: Cell::new(with_log),
            log_shown: Cell::new(0),
        }
    }

    /// Shows it until it has ended.
    async fn watch(&self, client: &Client) -> Result<(), ClientError> {
        let (has_ended, ended) = oneshot::channel::<()>();
        let end = async {
            let end = self.wait(client).await;
            drop(has_ended);
            end
        };
        let trouble = RefCell::new(None);
        let log = async {
            if self.log_wanted.get() {
                tokio::select! {
                    () = self.show_log(client, &trouble) => self.log_wanted.set(false),
                    () = async {
                        let _ = ended.await;
                        tokio::time::sleep(LAST_LINES).await;
                    } => {}
                }
            }
            if let Some(error) = trouble.take() {
                let progress = self.progress.borrow();
                progress.line(&format!("the log cannot be shown: {error}"));
            }
        };
        tokio::join!(end, log).0
    }

    async fn wait(&self, client: &Client) -> Result<(), ClientError> {
        if self.ended.get().is_none() {
            let end = client.wait_until(&self.id, |prebuild| {
                self.progress.borrow_mut().update(prebuild);
                false
            });
            let _ = self.ended.set(end.await?);
        }
        Ok(())
    }

    /// Shows the log to its end, unless there is trouble. A prebuild does not depend on whether its
    /// log can be read.
    async fn show_log(&self, client: &Client, trouble: &RefCell<Option<ClientError>>) {
        loop {
            let (error, may_pass) = match self.show_more_log(client).await {
                // It ended before there was one.
                Ok(()) | Err(ClientError::NoLog { .. }) => (None, false),
                Err(error) => {
                    let may_pass = error.code() == Some(Code::Unavailable);
                    (Some(error), may_pass)
                }
            };
            trouble.replace(error);
            if !may_pass {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Shows what of the log has not been shown. It only ever grows: an attempt that begins anew
    /// writes on.
    async fn show_more_log(&self, client: &Client) -> Result<(), ClientError> {
        let mut chunks = client.logs(&self.id, true).await?;
        let mut read = 0;
        while let Some(chunk) = chunks.try_next().await? {
            let seen = self.log_shown.get().saturating_sub(read).min(chunk.len());
            read += chunk.len();
            if seen < chunk.len() {
                self.progress.borrow_mut().log(&chunk[seen..]);
                self.log_shown.set(read);
            }
        }
        Ok(())
    }
}
