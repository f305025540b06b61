//! The way of a build: clone, run the lifecycle, stop, pack, publish, complete.
//!
//! The phase only moves forward. A build that begins again after a crash repeats the work of
//! phases already shown, and reports only those that still lie ahead.

use std::time::Duration;

use jiff::Timestamp;
use prebuilds::v1::PrebuildPhase;
use tokio::sync::watch;
use uuid::Uuid;

use super::job::{Interrupted, Job};
use crate::domain::StatusUpdate;
use crate::logs::LogWriter;
use crate::runner::{Environment, EnvironmentRequest, RunnerError};
use crate::snapshot::{Contents, Description, Manifest, SnapshotError};

/// What `warning_message` says where commands had no sandbox.
const UNSANDBOXED: &str = "the commands ran without a sandbox, with all that this user may do: install bubblewrap to have one";

/// How often a step that failed for a passing reason is tried.
const TRIES: u32 = 3;

/// Why a build ended without a snapshot.
enum Stopped {
    /// For good: the message is for people.
    Failed(String),
    /// From outside.
    Interrupted(Interrupted),
}

impl From<Interrupted> for Stopped {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl Job<'_> {
    /// Builds once, from the beginning to COMPLETED or FAILED.
    pub(super) async fn build(&mut self) -> Result<(), Interrupted> {
        match self.make().await {
            Ok(()) => Ok(()),
            Err(Stopped::Failed(message)) => self.fail(message).await,
            Err(Stopped::Interrupted(interrupted)) => Err(interrupted),
        }
    }

    async fn make(&mut self) -> Result<(), Stopped> {
        let id = self.row.id;
        let log = self
            .inner
            .logs
            .writer(id)
            .map_err(|error| Stopped::Failed(format!("cannot open the log: {error}")))?;
        if let Some(manifest) = self.published_before().await? {
            log.heading("The snapshot was stored before the server stopped");
            return self.complete(&manifest, &log).await;
        }

        // What an earlier attempt left behind goes first.
        self.remove_environment_for_good().await?;
        if self.row.environment_id.is_some() {
            log.heading("The server stopped during this prebuild: it begins anew");
        }
        let environment_id = Uuid::now_v7();
        self.report(StatusUpdate::BeginAttempt { environment_id })
            .await?;

        let environment = self.start(environment_id, &log).await?;
        self.advance(PrebuildPhase::Running).await?;
        self.inner
            .runner
            .run_lifecycle(&environment, &log)
            .await
            .map_err(failed)?;
        self.advance(PrebuildPhase::Stopping).await?;
        self.inner
            .runner
            .stop(environment_id)
            .await
            .map_err(failed)?;
        self.advance(PrebuildPhase::Snapshotting).await?;
        let manifest = self.publish(&environment, &log).await?;
        self.complete(&manifest, &log).await
    }

    /// The snapshot of an attempt whose process died between publishing and reporting: the
    /// manifest is written last, so it vouches for the archive, which is read all the same.
    async fn published_before(&self) -> Result<Option<Manifest>, Stopped> {
        if self.row.phase != PrebuildPhase::Snapshotting {
            return Ok(None);
        }
        match self.inner.snapshots.verify(self.row.id).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(SnapshotError::Missing(_)) => Ok(None),
            Err(error) => {
                tracing::warn!(prebuild = %self.row.id, %error, "making the snapshot again");
                Ok(None)
            }
        }
    }

    async fn advance(&mut self, phase: PrebuildPhase) -> Result<(), Interrupted> {
        if self.row.is_before(phase) {
            self.report(StatusUpdate::Advance(phase)).await
        } else {
            Ok(())
        }
    }

    /// Clones, and reports what became known by it.
    async fn start(
        &mut self,
        environment_id: Uuid,
        log: &LogWriter,
    ) -> Result<Environment, Stopped> {
        let request = EnvironmentRequest {
            environment_id,
            prebuild_id: self.row.id,
            source: self.row.source.clone(),
            env: Vec::new(),
        };
        let runner = &self.inner.runner;
        let start = || runner.start(&request, log);
        let environment = with_retries(log, RunnerError::is_transient, start)
            .await
            .map_err(failed)?;
        self.report(StatusUpdate::Resolve {
            commit: environment.commit.clone(),
            reuse_key: Some(environment.reuse_key.clone()),
        })
        .await?;
        for warning in &environment.warnings {
            self.report(StatusUpdate::Warn(warning.clone())).await?;
        }
        if self.inner.settings.warn_unsandboxed && environment.devcontainer_path().is_some() {
            self.report(StatusUpdate::Warn(UNSANDBOXED.to_owned()))
                .await?;
        }
        Ok(environment)
    }

    /// Packs, stores and reads back, reporting progress as it comes.
    async fn publish(
        &mut self,
        environment: &Environment,
        log: &LogWriter,
    ) -> Result<Manifest, Stopped> {
        log.heading("Snapshot");
        let description = Description {
            prebuild_id: self.row.id,
            organization_id: self.row.organization_id,
            project_id: self.row.project_id,
            environment_class_id: self.row.environment_class_id,
            environment_id: environment.id.to_string(),
            repository_name: environment.repository_name.clone(),
            commit: environment.commit.clone(),
            reuse_key: environment.reuse_key.clone(),
            created_at: Timestamp::now(),
        };
        let contents = Contents {
            workspace: &environment.workspace,
            home: Some(&environment.home),
        };
        let (percentage, mut progress) = watch::channel(0);
        let snapshots = self.inner.snapshots.clone();
        let mut publishing = std::pin::pin!(with_retries(log, is_transient, || {
            let percentage = percentage.clone();
            snapshots.publish(&description, &contents, move |percent| {
                percentage.send_if_modified(|shown| {
                    std::mem::replace(shown, percent.max(*shown)) < percent
                });
            })
        }));
        loop {
            tokio::select! {
                biased;
                manifest = &mut publishing => {
                    return manifest.map_err(|error| Stopped::Failed(error.to_string()));
                }
                Ok(()) = progress.changed() => {
                    let percent = *progress.borrow_and_update();
                    self.report(StatusUpdate::SnapshotProgress(percent)).await?;
                }
            }
        }
    }

    async fn complete(&mut self, manifest: &Manifest, log: &LogWriter) -> Result<(), Stopped> {
        let size = manifest.archive.size_bytes;
        log.line(&format!(
            "{} entries, {} bytes, stored as {size} bytes",
            manifest.entries, manifest.unpacked_bytes
        ));
        self.end(
            "Completed",
            StatusUpdate::Complete {
                snapshot_size_bytes: size,
            },
        )
        .await?;
        Ok(())
    }
}

fn failed(error: RunnerError) -> Stopped {
    Stopped::Failed(error.to_string())
}

/// Whether publishing may succeed without anybody changing anything.
fn is_transient(error: &SnapshotError) -> bool {
    matches!(
        error,
        SnapshotError::Store { .. } | SnapshotError::Damaged { .. }
    )
}

/// Tries again after a pause when the reason may pass, and says so in the log.
async fn with_retries<T, E, F>(
    log: &LogWriter,
    is_transient: impl Fn(&E) -> bool,
    mut operation: impl FnMut() -> F,
) -> Result<T, E>
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = Duration::from_secs(1);
    for _ in 1..TRIES {
        match operation().await {
            Err(error) if is_transient(&error) => {
                log.line(&format!("{error}; trying again in {} s", pause.as_secs()));
                tokio::time::sleep(pause).await;
                pause *= 4;
            }
            outcome => return outcome,
        }
    }
    operation().await
}
