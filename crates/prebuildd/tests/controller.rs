//! Whatever happens to a prebuild, it reaches its end, and nothing of it is left running.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod runner_fixture;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prebuildd::controller::{Controller, Settings};
use prebuildd::domain::source::{Repository, Revision, Source};
use prebuildd::domain::{
    Initializer, MAX_ATTEMPTS, NewPrebuild, Prebuild, Project, StatusUpdate, Subject, new_id,
};
use prebuildd::snapshot::{Contents, Description, Snapshots};
use prebuildd::store::sqlite::SqliteStore;
use prebuildd::store::{Identities as _, Prebuilds as _, Projects as _, Queue as _, Store, Work};
use prebuilds::v1::{PrebuildPhase, Principal, prebuild_metadata::PrebuildTrigger};
use runner_fixture::{Fixture, bubblewrap, processes};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Says in a file of the workspace that it runs, and then does not end, nor do its children.
const HANGS: &str =
    r#"{"onCreateCommand": "setsid sleep 1000 & touch running; trap '' TERM; sleep 1000 & wait"}"#;

struct House {
    fixture: Fixture,
    store: SqliteStore,
    snapshots: Snapshots,
    project: Project,
    repository: PathBuf,
}

struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl House {
    /// A project of a repository; with text, that is its devcontainer.json.
    async fn new(devcontainer: Option<&str>) -> Self {
        let fixture = Fixture::new(bubblewrap());
        let repository = match devcontainer {
            Some(json) => fixture.with_devcontainer(json),
            None => fixture.init(),
        };
        let now = Timestamp::now();
        let store = SqliteStore::open(&fixture.folder.path().join("store.sqlite"), now)
            .await
            .unwrap();
        let organization = store.ensure_organization("default", now).await.unwrap();
        let project = Project {
            id: new_id(now),
            organization_id: organization.id,
            name: "app".to_owned(),
            creator: Subject {
                id: new_id(now),
                principal: Principal::User,
            },
            created_at: now,
            updated_at: now,
            version: 1,
            initializer: Initializer::ContextUrl {
                url: repository.display().to_string(),
            },
            devcontainer_file_path: String::new(),
            automations_file_path: String::new(),
            technical_description: String::new(),
            environment_classes: Vec::new(),
            prebuild_configuration: None,
            recommended_editors: Vec::new(),
        };
        store.create_project(&project).await.unwrap();
        let snapshots = Snapshots::local(fixture.folder.path().join("snapshots")).unwrap();
        Self {
            fixture,
            store,
            snapshots,
            project,
            repository,
        }
    }

    fn start(&self) -> Running {
        let controller = Controller::new(
            Settings::default(),
            Arc::new(self.store.clone()),
            self.fixture.runner.clone(),
            self.fixture.logs.clone(),
            self.snapshots.clone(),
        );
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { controller.run(shutdown).await }
        });
        Running { shutdown, task }
    }

    async fn create(&self, timeout: Duration) -> Uuid {
        let classes = self
            .store
            .list_environment_classes(&Default::default(), None, 1)
            .await
            .unwrap();
        let prebuild = Prebuild::new(
            NewPrebuild {
                organization_id: self.project.organization_id,
                project_id: self.project.id,
                environment_class_id: classes.items[0].id,
                creator: self.project.creator,
                executor: None,
                trigger: PrebuildTrigger::Manual,
                timeout,
                source: Source {
                    repository: Repository::parse(self.repository.to_str().unwrap()).unwrap(),
                    revision: Revision::Head,
                    devcontainer_file_path: None,
                },
            },
            Timestamp::now(),
        );
        self.store.create_prebuild(&prebuild).await.unwrap();
        prebuild.id
    }

    /// Waits for the row to be as wanted, woken by the feed of changes.
    async fn until(&self, id: Uuid, wanted: impl Fn(&Prebuild) -> bool) -> Prebuild {
        let mut changes = self.store.subscribe();
        let wait = async {
            loop {
                let row = self.store.load_prebuild(id).await.unwrap();
                if wanted(&row) {
                    return row;
                }
                changes.recv().await.unwrap();
            }
        };
        timeout(LONG, wait)
            .await
            .expect("the prebuild did not get there")
    }

    async fn until_ended(&self, id: Uuid) -> Prebuild {
        self.until(id, |row| row.phase.has_ended()).await
    }

    /// Waits until the hanging command of [`HANGS`] runs.
    async fn until_command_runs(&self, id: Uuid) -> Prebuild {
        let row = self
            .until(id, |row| {
                row.phase == PrebuildPhase::Running && row.attempts > 0
            })
            .await;
        let folder = self
            .fixture
            .folder
            .path()
            .join("environments")
            .join(row.environment_id.unwrap().to_string());
        let wait = async {
            while !folder.join("workspace/running").exists() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, wait)
            .await
            .expect("the command did not start");
        row
    }

    fn log(&self, id: Uuid) -> String {
        std::fs::read_to_string(self.fixture.logs.path(id)).unwrap()
    }

    /// No process and no environment is left, and the log has ended.
    async fn assert_nothing_left(&self, seen: &Prebuild) {
        assert!(processes(seen.environment_id.unwrap()).is_empty());
        assert_eq!(
            self.fixture.runner.environments().await.unwrap(),
            Vec::<Uuid>::new()
        );
    }
}

impl Running {
    async fn stop(self) {
        self.shutdown.cancel();
        timeout(LONG, self.task)
            .await
            .expect("the controller did not end")
            .unwrap();
    }

    /// As when the process is killed: every future is dropped where it stands.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test]
async fn an_empty_repository_completes() {
    let house = House::new(None).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    let row = house.until_ended(id).await;
    assert_eq!(
        (row.phase, row.failure_message.as_str()),
        (PrebuildPhase::Completed, "")
    );
    assert_eq!(row.snapshot_percentage, 100);
    let manifest = house.snapshots.verify(id).await.unwrap();
    assert_eq!(row.snapshot_size_bytes, manifest.archive.size_bytes);
    assert!(
        house.log(id).ends_with("==> Completed\n"),
        "{}",
        house.log(id)
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn what_the_commands_made_is_in_the_snapshot_and_phases_only_move_forward() {
    let house = House::new(Some(
        r#"{"image": "debian", "onCreateCommand": "echo made > made; mkdir -p ~/.cache && echo cached > ~/.cache/x"}"#,
    ))
    .await;
    let id = house.create(HOUR).await;
    let mut changes = house.store.subscribe();
    let running = house.start();
    let mut phases = vec![PrebuildPhase::Pending];
    while phases.last() != Some(&PrebuildPhase::Completed) {
        timeout(LONG, changes.recv()).await.unwrap().unwrap();
        let row = house.store.load_prebuild(id).await.unwrap();
        assert!(
            !matches!(row.phase, PrebuildPhase::Failed),
            "{}",
            row.failure_message
        );
        assert!(
            phases.last().unwrap() <= &row.phase,
            "{phases:?} then {:?}",
            row.phase
        );
        phases.push(row.phase);
    }
    let row = house.store.load_prebuild(id).await.unwrap();
    assert!(
        row.warning_message.contains("image"),
        "{}",
        row.warning_message
    );

    let archive = house.snapshots.archive(id).await.unwrap();
    let (into, home) = (
        house.fixture.folder.path().join("into"),
        house.fixture.folder.path().join("home"),
    );
    let options = prebuildd::snapshot::RestoreOptions {
        home: Some(home.clone()),
        ..Default::default()
    };
    prebuildd::snapshot::restore(archive.bytes, &archive.manifest, &into, options)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(into.join("made")).unwrap(),
        "made\n"
    );
    assert_eq!(
        std::fs::read_to_string(home.join(".cache/x")).unwrap(),
        "cached\n"
    );
    running.stop().await;
}

#[tokio::test]
async fn failures_say_why_and_keep_the_log() {
    let cases = [
        (
            r#"{"onCreateCommand": "echo before; exit 7", "updateContentCommand": "echo after"}"#,
            "exit code 7",
        ),
        (r#"{"onCreateCommand": }"#, "devcontainer.json"),
    ];
    for (devcontainer, reason) in cases {
        let house = House::new(Some(devcontainer)).await;
        let running = house.start();
        let id = house.create(HOUR).await;
        let row = house.until_ended(id).await;
        assert_eq!(row.phase, PrebuildPhase::Failed);
        assert!(
            row.failure_message.contains(reason),
            "{}",
            row.failure_message
        );
        assert!(row.completion_time.is_some());
        let log = house.log(id);
        assert!(
            log.contains(&row.failure_message) && !log.contains("after\n"),
            "{log}"
        );
        assert!(house.snapshots.manifest(id).await.unwrap().is_none());
        house.assert_nothing_left(&row).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_repository_that_does_not_exist_is_named() {
    let house = House::new(None).await;
    std::fs::remove_dir_all(&house.repository).unwrap();
    let running = house.start();
    let id = house.create(HOUR).await;
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    let message = &row.failure_message;
    assert!(
        message.contains(house.repository.to_str().unwrap()),
        "{message}"
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn a_cancelled_prebuild_leaves_nothing_running() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    house.until_command_runs(id).await;
    let answer = house
        .store
        .request_cancel(house.project.organization_id, id, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(answer.phase, PrebuildPhase::Cancelling);
    let row = house.until_ended(id).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Cancelled, 1));
    assert!(
        house.log(id).ends_with("==> Cancelled\n"),
        "{}",
        house.log(id)
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn a_command_that_forks_and_hangs_runs_into_the_timeout() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(Duration::from_secs(2)).await;
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    assert!(
        row.failure_message.starts_with("timed out after 2s"),
        "{}",
        row.failure_message
    );
    assert!(row.completion_time.unwrap() >= row.deadline());
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn a_timeout_counts_while_nobody_has_begun() {
    let house = House::new(Some(HANGS)).await;
    let ids = [house.create(HOUR).await, house.create(HOUR).await];
    let running = house.start();
    for id in ids {
        house.until_command_runs(id).await;
    }
    // Both slots are taken by commands that hang.
    let waiting = house.create(Duration::from_millis(200)).await;
    let row = house.until_ended(waiting).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Failed, 0));
    running.stop().await;
}

#[tokio::test]
async fn a_running_prebuild_is_deleted_with_all_that_it_left() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    let seen = house.until_command_runs(id).await;
    house
        .store
        .request_delete(house.project.organization_id, id, Timestamp::now())
        .await
        .unwrap();
    house
        .until(id, |row| row.phase == PrebuildPhase::Deleted)
        .await;
    house.assert_nothing_left(&seen).await;
    assert!(!house.fixture.logs.exists(id));
    running.stop().await;
}

#[tokio::test]
async fn a_completed_prebuild_is_deleted_with_its_snapshot() {
    let house = House::new(None).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    house.until_ended(id).await;
    house
        .store
        .request_delete(house.project.organization_id, id, Timestamp::now())
        .await
        .unwrap();
    house
        .until(id, |row| row.phase == PrebuildPhase::Deleted)
        .await;
    assert!(house.snapshots.manifest(id).await.unwrap().is_none());
    assert_eq!(
        house.snapshots.prebuild_ids().await.unwrap(),
        Vec::<Uuid>::new()
    );
    running.stop().await;
}

#[tokio::test]
async fn a_successor_begins_anew_after_its_predecessor_died() {
    // The first attempt hangs; the second finds another commit.
    let house = House::new(Some(HANGS)).await;
    let predecessor = house.start();
    let id = house.create(HOUR).await;
    let seen = house.until_command_runs(id).await;
    predecessor.kill().await;

    runner_fixture::commit(
        &house.repository,
        &[(
            ".devcontainer/devcontainer.json",
            r#"{"onCreateCommand": "echo second"}"#,
        )],
    );
    house.store.void_leases().await.unwrap();
    let successor = house.start();
    let row = house.until_ended(id).await;
    assert_eq!(
        (row.phase, row.attempts),
        (PrebuildPhase::Completed, 2),
        "{}",
        row.failure_message
    );
    assert!(processes(seen.environment_id.unwrap()).is_empty());
    house.assert_nothing_left(&row).await;
    house.snapshots.verify(id).await.unwrap();
    successor.stop().await;
}

#[tokio::test]
async fn a_prebuild_that_is_given_up_at_shutdown_is_finished_by_the_next_process() {
    // However often: an attempt that was given up does not count.
    let house = House::new(Some(HANGS)).await;
    let id = house.create(HOUR).await;
    for _ in 0..=MAX_ATTEMPTS {
        let process = house.start();
        let seen = house.until_command_runs(id).await;
        process.stop().await;
        let row = house.store.load_prebuild(id).await.unwrap();
        assert_eq!((row.phase, row.lease), (PrebuildPhase::Running, None));
        assert_eq!(row.attempts, 0);
        house.assert_nothing_left(&seen).await;
    }

    runner_fixture::commit(
        &house.repository,
        &[(".devcontainer/devcontainer.json", "{}")],
    );
    let last = house.start();
    assert_eq!(house.until_ended(id).await.phase, PrebuildPhase::Completed);
    last.stop().await;
}

#[tokio::test]
async fn a_prebuild_that_takes_its_process_down_is_given_up_after_three_attempts() {
    let house = House::new(Some(HANGS)).await;
    let id = house.create(HOUR).await;
    for _ in 0..3 {
        house.store.void_leases().await.unwrap();
        let attempts = house.store.load_prebuild(id).await.unwrap().attempts;
        let process = house.start();
        house.until(id, |row| row.attempts > attempts).await;
        process.kill().await;
    }
    house.store.void_leases().await.unwrap();
    let last = house.start();
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    assert!(
        row.failure_message.contains("3 attempts"),
        "{}",
        row.failure_message
    );
    house.assert_nothing_left(&row).await;
    last.stop().await;
}

#[tokio::test]
async fn a_snapshot_that_was_published_before_the_crash_is_not_made_again() {
    let house = House::new(None).await;
    let id = house.create(HOUR).await;
    // What a process does until it is killed between the manifest and the report.
    let now = Timestamp::now();
    let mut row = house
        .store
        .claim(Work::Build, Uuid::now_v7(), now, HOUR, 1)
        .await
        .unwrap()
        .remove(0);
    for update in [
        StatusUpdate::BeginAttempt {
            environment_id: Uuid::now_v7(),
        },
        StatusUpdate::Advance(PrebuildPhase::Running),
        StatusUpdate::Advance(PrebuildPhase::Stopping),
        StatusUpdate::Advance(PrebuildPhase::Snapshotting),
    ] {
        row = house
            .store
            .update_status(id, row.epoch, row.status_version, update, now)
            .await
            .unwrap();
    }
    let content = house.fixture.folder.path().join("content");
    std::fs::create_dir(&content).unwrap();
    let description = Description {
        prebuild_id: id,
        organization_id: row.organization_id,
        project_id: row.project_id,
        environment_class_id: row.environment_class_id,
        environment_id: row.environment_id.unwrap().to_string(),
        repository_name: "app".to_owned(),
        commit: String::new(),
        reuse_key: String::new(),
        created_at: now,
    };
    let contents = Contents {
        workspace: &content,
        home: None,
    };
    let published = house
        .snapshots
        .publish(&description, &contents, |_| {})
        .await
        .unwrap();

    house.store.void_leases().await.unwrap();
    let running = house.start();
    let row = house.until_ended(id).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Completed, 1));
    assert_eq!(house.snapshots.verify(id).await.unwrap(), published);
    running.stop().await;
}
