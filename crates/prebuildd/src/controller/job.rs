//! One claimed prebuild: do what its row says, until nothing is left to do or the claim is lost.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Controller, Inner, until};
use crate::domain::{MAX_ATTEMPTS, Prebuild, StatusUpdate, Step};
use crate::store::{Change, StoreError};

/// How often a failing store is asked again before the claim is given up.
const STORE_ATTEMPTS: u32 = 5;

/// Why work on a prebuild stopped before its end.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// Somebody else changed the row: look at it again.
    Changed,
    /// Somebody else may work on it now, or the store is gone: leave it alone.
    Lost,
    /// This process is to end: give it up.
    ShuttingDown,
}

/// A claimed prebuild, as this process last saw it.
pub(super) struct Job<'a> {
    pub(super) inner: &'a Inner,
    pub(super) row: Prebuild,
}

impl Controller {
    /// Works on a claimed prebuild.
    pub(super) async fn work(self, row: Prebuild, shutdown: CancellationToken) {
        let id = row.id;
        let mut job = Job {
            inner: &self.inner,
            row,
        };
        let outcome = loop {
            let step = job.row.next_step(Timestamp::now());
            tracing::debug!(prebuild = %id, phase = job.row.phase.name(), ?step, "next step");
            // An ending is never interrupted, but it may take longer than a lease.
            let lease = keep_lease(&self.inner, job.row.clone());
            let outcome = match step {
                Step::Nothing => break Ok(()),
                Step::Begin => job.build_until_interrupted(&shutdown).await,
                // Something interrupted this process' own attempt and left the row as it was.
                Step::Continue if job.row.attempts < MAX_ATTEMPTS => {
                    job.build_until_interrupted(&shutdown).await
                }
                Step::Continue => {
                    let message = format!("gave up after {MAX_ATTEMPTS} interrupted attempts");
                    first(job.fail(message), lease).await
                }
                Step::Fail { message } => first(job.fail(message), lease).await,
                Step::FinishCancel => {
                    first(job.end("Cancelled", StatusUpdate::FinishCancel), lease).await
                }
                Step::BeginDelete => job.report(StatusUpdate::BeginDelete).await,
                Step::FinishDelete => first(job.delete(), lease).await,
            };
            match outcome {
                Ok(()) => {}
                Err(Interrupted::Changed) => match job.reload().await {
                    Ok(()) => {}
                    Err(interrupted) => break Err(interrupted),
                },
                Err(interrupted) => break Err(interrupted),
            }
        };
        if let Err(reason) = outcome {
            // A successor knows nothing of the environment that this process made.
            tracing::info!(prebuild = %id, ?reason, "giving up the work");
            match job.remove_environment().await {
                Ok(()) => job.withdraw(&reason).await,
                Err(error) => {
                    tracing::warn!(prebuild = %id, %error, "an environment was left behind");
                }
            }
        }
        if let Err(error) = self.inner.store.release(id, job.row.epoch).await {
            tracing::warn!(prebuild = %id, %error, "the lease was not released; it will expire");
        }
    }
}

impl Job<'_> {
    /// Builds, while watching for what can end that from outside: a change of the row, the
    /// deadline, the end of this process, the loss of the lease.
    async fn build_until_interrupted(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Result<(), Interrupted> {
        let changes = self.inner.store.subscribe();
        let (inner, row) = (self.inner, self.row.clone());
        let built = tokio::select! {
            // A finished build wins over an interruption at the same moment.
            biased;
            built = self.build() => built,
            interrupted = watch(inner, row, changes) => Err(interrupted),
            () = shutdown.cancelled() => Err(Interrupted::ShuttingDown),
        };
        // The build was dropped in mid-flight, perhaps between a write and its answer.
        if built.is_err() {
            self.inner.stop_environment(self.row.environment_id).await;
        }
        built
    }

    /// A restart of the server must not use up the attempts of what it happens to interrupt.
    async fn withdraw(&mut self, reason: &Interrupted) {
        let begun = self.row.attempts > 0 && self.row.attempt_epoch == self.row.epoch;
        if !matches!(reason, Interrupted::ShuttingDown) || !begun {
            return;
        }
        // Its refusal means that the row has changed meanwhile: then there is nothing to withdraw.
        if let Err(reason) = self.report(StatusUpdate::WithdrawAttempt).await {
            tracing::info!(prebuild = %self.row.id, ?reason, "the attempt was not withdrawn");
        }
    }

    /// Ends a prebuild: no process, no environment, the log complete, then the status.
    pub(super) async fn end(
        &mut self,
        last_line: &str,
        update: StatusUpdate,
    ) -> Result<(), Interrupted> {
        self.remove_environment_for_good().await?;
        self.finish_log(last_line);
        self.report(update).await
    }

    /// Ends a prebuild as failed, with the reason as the last line of its log.
    pub(super) async fn fail(&mut self, message: String) -> Result<(), Interrupted> {
        self.end(
            &format!("Failed: {message}"),
            StatusUpdate::Fail { message },
        )
        .await
    }

    /// Removes all that a prebuild left, then the row's visibility.
    async fn delete(&mut self) -> Result<(), Interrupted> {
        self.remove_environment_for_good().await?;
        let id = self.row.id;
        self.persist("remove the snapshot", || self.inner.snapshots.delete(id))
            .await?;
        self.persist("remove the log", || {
            std::future::ready(self.inner.logs.remove(id))
        })
        .await?;
        self.report(StatusUpdate::FinishDelete).await
    }

    async fn remove_environment(&self) -> Result<(), crate::runner::RunnerError> {
        match self.row.environment_id {
            Some(environment) => self.inner.runner.remove(environment).await,
            None => Ok(()),
        }
    }

    pub(super) async fn remove_environment_for_good(&self) -> Result<(), Interrupted> {
        self.persist("remove the environment", || self.remove_environment())
            .await
    }

    /// Repeats an operation that must succeed, ever more slowly. When it keeps failing the claim is
    /// given up, and whoever claims the prebuild next begins this step again.
    async fn persist<T, E, F>(
        &self,
        what: &str,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, Interrupted>
    where
        E: std::fmt::Display,
        F: Future<Output = Result<T, E>>,
    {
        for attempt in 1..=STORE_ATTEMPTS {
            match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    tracing::warn!(prebuild = %self.row.id, attempt, %error, "could not {what}")
                }
            }
            sleep(Duration::from_millis(100) * 3u32.pow(attempt)).await;
        }
        Err(Interrupted::Lost)
    }

    /// Writes the last line of the log and ends it, so that who follows it comes to an end.
    fn finish_log(&self, last_line: &str) {
        let ended = self.inner.logs.writer(self.row.id).and_then(|log| {
            log.heading(last_line);
            log.finish()
        });
        if let Err(error) = ended {
            tracing::warn!(prebuild = %self.row.id, %error, "the log could not be ended");
        }
    }

    /// Writes a report by compare-and-set. A report that was written but whose answer was lost
    /// comes back as [`Interrupted::Changed`], and the row says how to go on.
    pub(super) async fn report(&mut self, update: StatusUpdate) -> Result<(), Interrupted> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Prebuild {
                id,
                epoch,
                status_version,
                ..
            } = self.row;
            let now = Timestamp::now();
            match self
                .inner
                .store
                .update_status(id, epoch, status_version, update.clone(), now)
                .await
            {
                Ok(row) => {
                    self.row = row;
                    return Ok(());
                }
                Err(StoreError::Conflict) => return Err(Interrupted::Changed),
                Err(error @ StoreError::RefusedUpdate(_)) => {
                    tracing::error!(prebuild = %id, %error, ?update, "a report was refused");
                    return Err(Interrupted::Lost);
                }
                Err(error) if attempt < STORE_ATTEMPTS => {
                    tracing::warn!(prebuild = %id, %error, "a status was not written; trying again");
                    sleep(Duration::from_millis(100) * 3u32.pow(attempt)).await;
                }
                Err(error) => {
                    tracing::error!(prebuild = %id, %error, "a status was not written");
                    return Err(Interrupted::Lost);
                }
            }
        }
    }

    /// Reads the row again; it must still be ours.
    async fn reload(&mut self) -> Result<(), Interrupted> {
        let id = self.row.id;
        let row = self
            .persist("read the row", || self.inner.store.load_prebuild(id))
            .await?;
        if row.epoch != self.row.epoch
            || row
                .lease
                .is_none_or(|lease| lease.owner != self.inner.owner)
        {
            return Err(Interrupted::Lost);
        }
        self.row = row;
        Ok(())
    }
}

impl Inner {
    /// Ends the processes of an environment whose work was interrupted; its folder goes with the
    /// ending that follows.
    async fn stop_environment(&self, environment: Option<Uuid>) {
        if let Some(environment) = environment
            && let Err(error) = self.runner.stop(environment).await
        {
            tracing::warn!(%environment, %error, "processes were left");
        }
    }
}

/// What `work` comes to, unless the lease is lost before.
async fn first(
    work: impl Future<Output = Result<(), Interrupted>>,
    lease: impl Future<Output = Interrupted>,
) -> Result<(), Interrupted> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        interrupted = lease => Err(interrupted),
    }
}

/// Renews the lease in time, and completes when it is lost.
async fn keep_lease(inner: &Inner, row: Prebuild) -> Interrupted {
    let lease = inner.settings.lease;
    loop {
        sleep(lease / 3).await;
        let renewed = inner
            .store
            .renew(row.id, row.epoch, Timestamp::now(), lease);
        match renewed.await {
            Ok(_) => {}
            Err(StoreError::Conflict | StoreError::NotFound(_)) => return Interrupted::Lost,
            Err(error) => {
                tracing::warn!(prebuild = %row.id, %error, "the lease was not renewed");
            }
        }
    }
}

/// Keeps the lease of a build, and completes when the work must stop.
async fn watch(
    inner: &Inner,
    mut row: Prebuild,
    mut changes: broadcast::Receiver<Change>,
) -> Interrupted {
    let id = row.id;
    let lease = inner.settings.lease;
    let mut renew_at = Instant::now() + lease / 3;
    loop {
        let now = Timestamp::now();
        if now >= row.deadline() {
            return Interrupted::Changed;
        }
        let deadline = Instant::now() + until(row.deadline(), now);
        let look = tokio::select! {
            () = sleep_until(deadline) => continue,
            () = sleep_until(renew_at) => inner.store.renew(id, row.epoch, now, lease).await,
            change = changes.recv() => match change {
                Ok(change) if change.id != id => continue,
                // This one changed, perhaps by our own hand; or some changes were missed.
                _ => inner.store.load_prebuild(id).await,
            },
        };
        match look {
            Ok(seen) if seen.epoch != row.epoch => return Interrupted::Lost,
            Ok(seen) if !seen.phase.is_in_progress() => return Interrupted::Changed,
            Ok(seen) => {
                if seen.lease != row.lease {
                    renew_at = Instant::now() + lease / 3;
                }
                row = seen;
            }
            Err(StoreError::Conflict | StoreError::NotFound(_)) => return Interrupted::Lost,
            Err(error) => {
                tracing::warn!(prebuild = %id, %error, "the lease was not renewed");
                if row.lease.is_none_or(|lease| lease.expires_at <= now) {
                    return Interrupted::Lost;
                }
                renew_at = Instant::now() + Duration::from_secs(1);
            }
        }
    }
}
