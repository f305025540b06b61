//! A project with its repository and its stores, and controllers that run over them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prebuildd::controller::{Controller, Settings};
use prebuildd::domain::source::{Repository, Revision, Source};
use prebuildd::domain::{Initializer, NewPrebuild, Prebuild, Project, Subject, new_id};
use prebuildd::snapshot::Snapshots;
use prebuildd::store::sqlite::SqliteStore;
use prebuildd::store::{Identities as _, Prebuilds as _, Projects as _, Queue as _, Store as _};
use prebuilds::v1::{PrebuildPhase, Principal, prebuild_metadata::PrebuildTrigger};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::runner_fixture::{Fixture, bubblewrap, processes};

pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// Says in a file of the workspace that it runs, and then does not end, nor do its children.
pub(crate) const HANGS: &str =
    r#"{"onCreateCommand": "setsid sleep 1000 & touch running; trap '' TERM; sleep 1000 & wait"}"#;

pub(crate) struct House {
    pub(crate) fixture: Fixture,
    pub(crate) store: SqliteStore,
    pub(crate) snapshots: Snapshots,
    pub(crate) project: Project,
    pub(crate) repository: PathBuf,
}

pub(crate) struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl House {
    /// A project of a repository; with text, that is its devcontainer.json.
    pub(crate) async fn new(devcontainer: Option<&str>) -> Self {
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

    pub(crate) fn start(&self) -> Running {
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

    pub(crate) async fn create(&self, timeout: Duration) -> Uuid {
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
    pub(crate) async fn until(&self, id: Uuid, wanted: impl Fn(&Prebuild) -> bool) -> Prebuild {
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

    pub(crate) async fn until_ended(&self, id: Uuid) -> Prebuild {
        self.until(id, |row| row.phase.has_ended()).await
    }

    /// Waits until the hanging command of [`HANGS`] runs.
    pub(crate) async fn until_command_runs(&self, id: Uuid) -> Prebuild {
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

    pub(crate) fn log(&self, id: Uuid) -> String {
        std::fs::read_to_string(self.fixture.logs.path(id)).unwrap()
    }

    /// No process and no environment is left.
    pub(crate) async fn assert_nothing_left(&self, seen: &Prebuild) {
        assert!(processes(seen.environment_id.unwrap()).is_empty());
        assert_eq!(
            self.fixture.runner.environments().await.unwrap(),
            Vec::<Uuid>::new()
        );
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(LONG, self.task)
            .await
            .expect("the controller did not end")
            .unwrap();
    }

    /// As when the process is killed: every future is dropped where it stands.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
