//! `prebuilds serve` is killed with SIGKILL in the middle of a prebuild and started again: the
//! prebuild reaches its end, its snapshot can be restored, and nothing is left over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fixture::processes;
use prebuilds::client::{Client, CreateOptions};
use prebuilds::v1::environment_initializer::{self, spec};
use prebuilds::v1::{
    CreateProjectRequest, EnvironmentInitializer, GitInitializer, Prebuild, PrebuildPhase,
};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(120);

struct Server {
    child: Child,
    client: Client,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_prebuilds"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .expect("the server says where it listens")
            .to_owned();
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
        let client = Client::builder()
            .base_url(url)
            .token(token.trim())
            .build()
            .unwrap();
        Self { child, client }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn until(&self, id: &str, wanted: impl Fn(&Prebuild) -> bool) -> Prebuild {
        let wait = self
            .client
            .wait_until(id, |prebuild: &Prebuild| wanted(prebuild));
        tokio::time::timeout(LONG, wait)
            .await
            .expect("the prebuild did not get there")
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn phase(prebuild: &Prebuild) -> PrebuildPhase {
    prebuild.status.as_ref().unwrap().phase()
}

fn commit(repository: &Path, devcontainer: &str) {
    std::fs::create_dir_all(repository.join(".devcontainer")).unwrap();
    std::fs::write(
        repository.join(".devcontainer/devcontainer.json"),
        devcontainer,
    )
    .unwrap();
    let git = |words: &[&str]| {
        let identity = [
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.com",
            "-c",
            "init.defaultBranch=main",
        ];
        let status = Command::new("git")
            .args(identity)
            .args(words)
            .current_dir(repository)
            .status()
            .unwrap();
        assert!(status.success(), "git {words:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "change"]);
}

async fn project(client: &Client, repository: &Path) -> String {
    let git = GitInitializer {
        remote_uri: repository.display().to_string(),
        ..Default::default()
    };
    let initializer = EnvironmentInitializer {
        specs: vec![environment_initializer::Spec {
            spec: Some(spec::Spec::Git(git)),
        }],
    };
    let request = CreateProjectRequest {
        name: "app".to_owned(),
        initializer: Some(initializer),
        ..Default::default()
    };
    client.create_project(request).await.unwrap().id
}

/// What must hold after the end, however often the server was killed on the way.
fn assert_ended_well(house: &Path, data: &Path, ended: &Prebuild, environments: &[String]) {
    let status = ended.status.as_ref().unwrap();
    assert_eq!(
        phase(ended),
        PrebuildPhase::Completed,
        "{}",
        status.failure_message
    );
    for environment in environments {
        assert_eq!(processes(environment), Vec::<std::path::PathBuf>::new());
    }
    assert_eq!(
        std::fs::read_dir(data.join("environments"))
            .unwrap()
            .count(),
        0
    );

    let into = house.join("restored");
    let started = Command::new(env!("CARGO_BIN_EXE_prebuilds"))
        .args(["start", "app", "--prebuild", &ended.id, "--into"])
        .arg(&into)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    assert!(
        started.status.success(),
        "{}",
        String::from_utf8_lossy(&started.stderr)
    );
    assert!(into.join("made").exists());
}

fn environment(prebuild: &Prebuild) -> String {
    prebuild.status.as_ref().unwrap().environment_id.clone()
}

#[tokio::test]
async fn killed_while_running() {
    let house = TempDir::new().unwrap();
    let (data, repository) = (house.path().join("data"), house.path().join("app"));
    commit(
        &repository,
        r#"{"onCreateCommand": "setsid sleep 1000 & touch running; sleep 1000"}"#,
    );
    let first = Server::start(&data);
    let project = project(&first.client, &repository).await;
    let id = first
        .client
        .create(&project, CreateOptions::default())
        .await
        .unwrap()
        .id;
    let running = first
        .until(&id, |prebuild| phase(prebuild) == PrebuildPhase::Running)
        .await;
    let environment = environment(&running);
    let mark = data
        .join("environments")
        .join(&environment)
        .join("workspace/running");
    tokio::time::timeout(LONG, async {
        while !mark.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    first.kill();

    commit(&repository, r#"{"onCreateCommand": "touch made"}"#);
    let second = Server::start(&data);
    let ended = second
        .until(&id, |prebuild| phase(prebuild).is_terminal())
        .await;
    assert_ended_well(
        house.path(),
        &data,
        &ended,
        &[environment, self::environment(&ended)],
    );
}

#[tokio::test]
async fn killed_while_snapshotting() {
    let house = TempDir::new().unwrap();
    let (data, repository) = (house.path().join("data"), house.path().join("app"));
    // Enough that packing takes longer than hearing of it.
    commit(
        &repository,
        r#"{"onCreateCommand": "head -c 150M /dev/urandom > made"}"#,
    );
    let first = Server::start(&data);
    let project = project(&first.client, &repository).await;
    let id = first
        .client
        .create(&project, CreateOptions::default())
        .await
        .unwrap()
        .id;
    let packing = first
        .until(&id, |prebuild| {
            phase(prebuild) == PrebuildPhase::Snapshotting
        })
        .await;
    first.kill();

    let second = Server::start(&data);
    let seen = second.client.get(&id).await.unwrap();
    assert_eq!(
        phase(&seen),
        PrebuildPhase::Snapshotting,
        "the phase neither ended nor went back"
    );
    let ended = second
        .until(&id, |prebuild| phase(prebuild).is_terminal())
        .await;
    assert_ended_well(
        house.path(),
        &data,
        &ended,
        &[environment(&packing), environment(&ended)],
    );
}
