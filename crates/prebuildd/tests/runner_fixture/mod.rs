//! Repositories made of real commits, and a runner over a folder of its own.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prebuildd::domain::source::{Repository, Revision, Source};
use prebuildd::logs::{LogWriter, Logs};
use prebuildd::runner::{
    ENVIRONMENT_VARIABLE, Environment, EnvironmentRequest, Runner, RunnerConfig, RunnerError,
    SandboxMode,
};
use tempfile::TempDir;
use uuid::Uuid;

pub struct Fixture {
    pub folder: TempDir,
    pub logs: Logs,
    pub runner: Runner,
}

/// Runs git with a name and a date of its own, and returns what it says.
pub fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.com")
        .env("GIT_COMMITTER_NAME", "A")
        .env("GIT_COMMITTER_EMAIL", "a@example.com")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A commit of these files; returns its id.
pub fn commit(repository: &Path, files: &[(&str, &str)]) -> String {
    for (path, content) in files {
        let path = repository.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    git(repository, &["add", "--all"]);
    git(
        repository,
        &["commit", "--quiet", "--allow-empty", "-m", "change"],
    );
    git(repository, &["rev-parse", "HEAD"])
}

/// The sandbox of this machine. Without bubblewrap these tests fail: what they show is nothing that
/// may be skipped.
pub fn bubblewrap() -> SandboxMode {
    SandboxMode::detect().expect("these tests need a working bubblewrap")
}

pub fn both() -> [SandboxMode; 2] {
    [bubblewrap(), SandboxMode::None]
}

impl Fixture {
    pub fn new(sandbox: SandboxMode) -> Self {
        Self::with(sandbox, |_| {})
    }

    pub fn with(sandbox: SandboxMode, change: impl FnOnce(&mut RunnerConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = RunnerConfig::from_env(folder.path().join("environments"), sandbox);
        change(&mut config);
        Self {
            logs: Logs::open(folder.path().join("logs")).unwrap(),
            runner: Runner::new(config).unwrap(),
            folder,
        }
    }

    /// An empty repository called `app`.
    pub fn init(&self) -> PathBuf {
        let path = self.folder.path().join("app");
        fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet"]);
        path
    }

    /// A repository `app` with this devcontainer.json.
    pub fn with_devcontainer(&self, json: &str) -> PathBuf {
        let repository = self.init();
        commit(&repository, &[(".devcontainer/devcontainer.json", json)]);
        repository
    }

    pub fn request(&self, repository: &Path, revision: Revision) -> EnvironmentRequest {
        EnvironmentRequest {
            environment_id: Uuid::now_v7(),
            prebuild_id: Uuid::now_v7(),
            source: Source {
                repository: Repository::parse(repository.to_str().unwrap()).unwrap(),
                revision,
                devcontainer_file_path: None,
            },
            env: vec![("SECRET".to_owned(), "s3cret".to_owned())],
        }
    }

    pub fn writer(&self, request: &EnvironmentRequest) -> LogWriter {
        self.logs.writer(request.prebuild_id).unwrap()
    }

    pub fn log(&self, request: &EnvironmentRequest) -> String {
        let bytes = fs::read(self.logs.path(request.prebuild_id)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub async fn start(
        &self,
        repository: &Path,
        revision: Revision,
    ) -> (Result<Environment, RunnerError>, EnvironmentRequest) {
        let request = self.request(repository, revision);
        let result = self.runner.start(&request, &self.writer(&request)).await;
        (result, request)
    }

    /// Makes an environment with this devcontainer.json and runs it.
    pub async fn run(&self, json: &str) -> Ran {
        let repository = self.with_devcontainer(json);
        let (environment, request) = self.start(&repository, Revision::Head).await;
        let environment = environment.unwrap();
        let result = self
            .runner
            .run_lifecycle(&environment, &self.writer(&request))
            .await;
        let log = self.log(&request);
        Ran {
            environment,
            result,
            log,
        }
    }
}

pub struct Ran {
    pub environment: Environment,
    pub result: Result<(), RunnerError>,
    pub log: String,
}

impl Ran {
    /// The content of a file in the workspace.
    pub fn file(&self, path: &str) -> String {
        let path = self.environment.workspace.join(path);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}\n{}", self.log))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.environment.workspace.join(path).exists()
    }
}

/// The ids of the processes that carry the environment's mark.
pub fn processes(environment: Uuid) -> Vec<u32> {
    let mark = format!("{ENVIRONMENT_VARIABLE}={environment}");
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = entry.file_name().to_str()?.parse().ok()?;
            let environ = fs::read(entry.path().join("environ")).ok()?;
            environ
                .split(|&b| b == 0)
                .any(|variable| variable == mark.as_bytes())
                .then_some(id)
        })
        .collect()
}
