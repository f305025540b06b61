//! What crashes leave behind: environments that belong to no prebuild in progress, and archives
//! that belong to no prebuild at all.

use std::time::Duration;

use tokio::time::Instant;

use super::Controller;

/// How often snapshots that nobody needs are looked for.
const COLLECT_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Younger objects may just be being written: no prebuild takes longer.
const COLLECT_GRACE: Duration = Duration::from_secs(3 * 60 * 60);

/// When to collect next.
pub(super) struct Schedule(Instant);

impl Schedule {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    pub(super) fn is_due(&self) -> bool {
        self.0 <= Instant::now()
    }

    pub(super) fn done(&mut self) {
        self.0 = Instant::now() + COLLECT_INTERVAL;
    }
}

impl Controller {
    /// Removes the environments on this machine that no prebuild in progress has: those of
    /// processes that died between the end of a prebuild and its tidying up.
    pub(super) async fn sweep_environments(&self) {
        let (runner, store) = (&self.inner.runner, &self.inner.store);
        let found = match runner.environments().await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "environments could not be listed"),
        };
        if found.is_empty() {
            return;
        }
        let in_use = match store.environments_in_use().await {
            Ok(in_use) => in_use,
            Err(error) => return tracing::warn!(%error, "environments in use could not be listed"),
        };
        for environment in found.into_iter().filter(|id| !in_use.contains(id)) {
            match runner.remove(environment).await {
                Ok(()) => {
                    tracing::info!(%environment, "removed an environment that was left behind")
                }
                Err(error) => {
                    tracing::warn!(%environment, %error, "an environment was left behind")
                }
            }
        }
    }

    /// Removes the archives that no prebuild needs.
    pub(super) async fn collect_snapshots(&self) {
        let (snapshots, store) = (&self.inner.snapshots, &self.inner.store);
        let outcome = async {
            let found = snapshots
                .prebuild_ids()
                .await
                .map_err(|error| error.to_string())?;
            let keep = store
                .snapshots_in_use(&found)
                .await
                .map_err(|error| error.to_string())?;
            snapshots
                .collect(&keep, COLLECT_GRACE)
                .await
                .map_err(|error| error.to_string())
        };
        match outcome.await {
            Ok(collected) if collected.removed.is_empty() => {}
            Ok(collected) => {
                tracing::info!(
                    objects = collected.removed.len(),
                    bytes = collected.bytes,
                    "collected snapshots"
                );
            }
            Err(error) => tracing::warn!(%error, "snapshots could not be collected"),
        }
    }
}
