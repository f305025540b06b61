//! The reconciler: claims prebuilds that need work, and drives each to its end.
//!
//! It is level-triggered. What has to be done is read from the row, never from an event: an event
//! only says that it is worth to look now. So nothing is lost when one is missed, and a process
//! that starts after a crash does the same as one that was told. The row is the job; there is no
//! second queue.
//!
//! Builds take the slots that the configuration gives them. Endings (cancellations, deletions,
//! time-outs) have slots of their own, so that a full house can always be cleared.

mod build;
mod job;
mod sweep;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::Prebuild;
use crate::logs::Logs;
use crate::runner::Runner;
use crate::snapshot::Snapshots;
use crate::store::{Change, Operation, Resource, Store, Work};

/// How many endings are worked on at a time.
const ENDING_SLOTS: usize = 16;
/// How often the rows are looked at when nothing says that they changed: other processes may have
/// changed them.
const RESYNC: Duration = Duration::from_secs(15);
/// How long to wait after the store has failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the controller works with and how much it takes on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many prebuilds are built at a time.
    pub concurrency: NonZeroUsize,
    /// How long a claim lasts unless it is renewed. A prebuild whose process died is taken over
    /// after this time.
    pub lease: Duration,
    /// Says in `warning_message` of each prebuild that its commands ran without a sandbox.
    pub warn_unsandboxed: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN),
            lease: Duration::from_secs(30),
            warn_unsandboxed: false,
        }
    }
}

/// Drives prebuilds to their end. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Controller {
    inner: Arc<Inner>,
}

struct Inner {
    /// Names this process in leases.
    owner: Uuid,
    settings: Settings,
    store: Arc<dyn Store>,
    runner: Runner,
    logs: Logs,
    snapshots: Snapshots,
}

impl Controller {
    /// A controller over a store, with a runner for its environments, and a place for logs and
    /// snapshots.
    #[must_use]
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        runner: Runner,
        logs: Logs,
        snapshots: Snapshots,
    ) -> Self {
        let owner = Uuid::now_v7();
        Self {
            inner: Arc::new(Inner {
                owner,
                settings,
                store,
                runner,
                logs,
                snapshots,
            }),
        }
    }

    /// Works until `shutdown`. Then what is being built is interrupted and given up, for the next
    /// process to begin anew; endings are finished.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut changes = self.inner.store.subscribe();
        let mut builds = JoinSet::new();
        let mut endings = JoinSet::new();
        let mut collecting = sweep::Schedule::now();
        self.sweep_environments().await;

        while !shutdown.is_cancelled() {
            let wake_at = self.claim(&mut builds, &mut endings, &shutdown).await;
            if collecting.is_due() && builds.is_empty() {
                self.collect_snapshots().await;
                collecting.done();
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep_until(wake_at) => {}
                Some(_) = builds.join_next() => {}
                Some(_) = endings.join_next() => {}
                () = worth_a_look(&mut changes) => {}
            }
        }
        while builds.join_next().await.is_some() {}
        while endings.join_next().await.is_some() {}
    }

    /// Claims what there is room for, and returns when to look again at the latest.
    async fn claim(
        &self,
        builds: &mut JoinSet<()>,
        endings: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Instant {
        let build_slots = self
            .inner
            .settings
            .concurrency
            .get()
            .saturating_sub(builds.len());
        let ending_slots = ENDING_SLOTS.saturating_sub(endings.len());
        let now = Timestamp::now();
        let outcome = async {
            for row in self.claim_work(Work::End, now, ending_slots).await? {
                endings.spawn(self.clone().work(row, shutdown.clone()));
            }
            for row in self.claim_work(Work::Build, now, build_slots).await? {
                builds.spawn(self.clone().work(row, shutdown.clone()));
            }
            self.inner.store.next_deadline(now).await
        };
        match outcome.await {
            Ok(deadline) => wake_at(deadline, Timestamp::now()),
            Err(error) => {
                tracing::error!(%error, "the store does not answer; trying again");
                Instant::now() + STORE_PAUSE
            }
        }
    }

    async fn claim_work(
        &self,
        work: Work,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Prebuild>, crate::store::StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let Inner {
            store,
            owner,
            settings,
            ..
        } = &*self.inner;
        store.claim(work, *owner, now, settings.lease, limit).await
    }
}

/// When to look again: at the deadline, but not at once for one that has passed and that somebody
/// else holds, and never later than [`RESYNC`].
fn wake_at(deadline: Option<Timestamp>, now: Timestamp) -> Instant {
    let wait = deadline.map_or(RESYNC, |deadline| {
        until(deadline, now).clamp(STORE_PAUSE / 10, RESYNC)
    });
    Instant::now() + wait
}

/// The time from `now` to `then`; zero when that has passed.
fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// Waits for a change that can mean work: a new prebuild, or one whose spec changed.
async fn worth_a_look(changes: &mut tokio::sync::broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change {
                resource: Resource::Prebuild,
                operation: Operation::Create | Operation::Update,
                ..
            })
            | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The store lives as long as we do.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
