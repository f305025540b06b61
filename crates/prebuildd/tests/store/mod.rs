//! What every store must do. Each function gets a constructor, which opens the store of a folder.

pub(crate) mod identities;
pub(crate) mod prebuilds;
pub(crate) mod projects;
pub(crate) mod queue;

use std::{path::PathBuf, sync::Arc, time::Duration};

use ::prebuilds::v1::{PrebuildPhase, Principal, prebuild_metadata::PrebuildTrigger};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use prebuildd::{
    domain::{
        Initializer, NewPrebuild, Prebuild, Project, StatusUpdate, Subject, new_id,
        source::{Repository, Revision, Source},
    },
    store::{Store, Work},
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) type Open = fn(PathBuf) -> BoxFuture<'static, Arc<dyn Store>>;

/// Turns the functions of this module into tests of one store.
macro_rules! suite {
    ($open:path) => {
        $crate::store::suite!($open,
            identities: [tokens_open_their_organization_until_revoked],
            projects: [
                projects_come_back_as_they_were_written,
                a_project_is_updated_by_one_of_two_writers,
                pages_of_projects_are_whole_in_every_order,
                filters_of_projects_select,
            ],
            prebuilds: [
                a_created_prebuild_survives_reopening,
                nothing_is_visible_to_another_organization,
                pages_stay_whole_while_prebuilds_are_added,
                filters_of_prebuilds_select,
                cancel_and_delete_answer_by_phase,
                the_newest_completed_prebuild_is_found,
                changes_are_reported_after_they_are_durable,
            ],
            queue: [
                one_of_two_writers_wins,
                an_old_epoch_cannot_write,
                concurrent_claims_give_each_row_to_one_owner,
                projects_take_turns,
                work_is_offered_by_kind,
                the_next_deadline_is_the_earliest_instant_to_look_again,
                what_is_in_use_is_kept,
            ],
        );
    };
    ($open:path, $($module:ident: [$($test:ident),* $(,)?],)*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::store::$module::$test($open).await;
            })*
        })*
    };
}
pub(crate) use suite;

/// A store with an organization and a project.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) organization: Uuid,
    pub(crate) project: Uuid,
    pub(crate) class: Uuid,
}

pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// An instant, in seconds since the tests' beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn subject(number: u128) -> Subject {
    Subject {
        id: Uuid::from_u128(number),
        principal: Principal::User,
    }
}

pub(crate) fn project(organization_id: Uuid, name: &str, now: Timestamp) -> Project {
    Project {
        id: new_id(now),
        organization_id,
        name: name.into(),
        creator: subject(1),
        created_at: now,
        updated_at: now,
        version: 1,
        initializer: Initializer::Git {
            remote_uri: format!("https://example.com/{name}.git"),
            upstream_remote_uri: String::new(),
            target_mode: 3,
            clone_target: "main".into(),
            checkout_location: String::new(),
        },
        devcontainer_file_path: String::new(),
        automations_file_path: String::new(),
        technical_description: String::new(),
        environment_classes: Vec::new(),
        prebuild_configuration: None,
        recommended_editors: Vec::new(),
    }
}

impl Fixture {
    pub(crate) async fn new(open: Open) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path().to_owned()).await;
        let organization = store.ensure_organization("acme", at(0)).await.unwrap().id;
        let project = project(organization, "app", at(0));
        store.create_project(&project).await.unwrap();
        let class = store
            .list_environment_classes(&Default::default(), None, 1)
            .await
            .unwrap()
            .items[0]
            .id;
        Self {
            dir,
            store,
            organization,
            project: project.id,
            class,
        }
    }

    pub(crate) fn prebuild(&self, now: Timestamp) -> Prebuild {
        Prebuild::new(
            NewPrebuild {
                organization_id: self.organization,
                project_id: self.project,
                environment_class_id: self.class,
                creator: subject(1),
                executor: None,
                trigger: PrebuildTrigger::Manual,
                timeout: Duration::from_secs(3600),
                source: Source {
                    repository: Repository::parse("/srv/app").unwrap(),
                    revision: Revision::Head,
                    devcontainer_file_path: None,
                },
            },
            now,
        )
    }

    pub(crate) async fn create(&self, now: Timestamp) -> Prebuild {
        let prebuild = self.prebuild(now);
        self.store.create_prebuild(&prebuild).await.unwrap();
        prebuild
    }

    /// Claims this one prebuild, which must be the only claimable.
    pub(crate) async fn claim(&self, work: Work, now: Timestamp) -> Prebuild {
        let owner = new_id(now);
        let mut claimed = self.store.claim(work, owner, now, LEASE, 2).await.unwrap();
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    /// Reports on a claimed prebuild.
    pub(crate) async fn report(&self, prebuild: &Prebuild, update: StatusUpdate) -> Prebuild {
        self.store
            .update_status(
                prebuild.id,
                prebuild.epoch,
                prebuild.status_version,
                update,
                at(5),
            )
            .await
            .unwrap()
    }

    /// A prebuild that was brought to `phase` as the API and the controller would, and released.
    pub(crate) async fn prebuild_in(&self, phase: PrebuildPhase) -> Prebuild {
        use PrebuildPhase::*;
        let created = self.create(at(0)).await;
        let (organization, id) = (self.organization, created.id);
        let mut row = self.claim(Work::Build, at(1)).await;
        for update in updates_to(phase) {
            row = self.report(&row, update).await;
        }
        if matches!(phase, Cancelling | Cancelled) {
            row = self
                .store
                .request_cancel(organization, id, at(6))
                .await
                .unwrap();
            if phase == Cancelled {
                row = self.report(&row, StatusUpdate::FinishCancel).await;
            }
        }
        if matches!(phase, Deleting | Deleted) {
            self.store
                .request_delete(organization, id, at(6))
                .await
                .unwrap();
            row = self.store.load_prebuild(id).await.unwrap();
            if phase == Deleted {
                row = self.report(&row, StatusUpdate::FinishDelete).await;
            }
        }
        self.store.release(id, row.epoch).await.unwrap();
        let row = self.store.load_prebuild(id).await.unwrap();
        assert_eq!(row.phase, phase);
        row
    }
}

/// What a maker reports up to `phase`; to `COMPLETED` where the phase lies beyond.
fn updates_to(phase: PrebuildPhase) -> Vec<StatusUpdate> {
    use PrebuildPhase::*;
    let mut updates = vec![
        StatusUpdate::BeginAttempt {
            environment_id: Uuid::from_u128(7),
        },
        StatusUpdate::Advance(Running),
        StatusUpdate::Advance(Stopping),
        StatusUpdate::Advance(Snapshotting),
        StatusUpdate::Complete {
            snapshot_size_bytes: 42,
        },
    ];
    match phase {
        Pending | Cancelling | Cancelled => updates.clear(),
        Starting => updates.truncate(1),
        Running => updates.truncate(2),
        Stopping => updates.truncate(3),
        Snapshotting => updates.truncate(4),
        Failed => {
            updates.truncate(1);
            updates.push(StatusUpdate::Fail {
                message: "broken".into(),
            });
        }
        _ => {}
    }
    updates
}
