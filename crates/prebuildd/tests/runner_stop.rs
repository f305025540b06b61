//! Nothing is left running: after a command, a cancelled future, a killed server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod runner_fixture;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::task::Poll;

use prebuildd::domain::source::{Repository, Revision, Source};
use prebuildd::logs::Logs;
use prebuildd::runner::{
    ENVIRONMENT_VARIABLE, EnvironmentRequest, Runner, RunnerConfig, SandboxMode,
};
use runner_fixture::{Fixture, both, processes};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_command_leaves_in_the_background_ends_with_it() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox);
        let ran = fixture.run(
            r#"{
                "initializeCommand": "sleep 1000 & echo first",
                "onCreateCommand": "setsid sleep 1000 & (trap '' TERM HUP; sleep 1000) & echo second",
                "updateContentCommand": {"a": "sleep 1000 & echo third", "b": "sleep 1000 &"}
            }"#,
        );
        let ran = timeout(LONG, ran)
            .await
            .expect("a background process held the command up");
        ran.result.as_ref().unwrap();
        for word in ["first\n", "second\n", "[a] third\n"] {
            assert!(ran.log.contains(word), "{}", ran.log);
        }
        assert!(processes(ran.environment.id).is_empty());
    }
}

/// A process shows no environment while `execve` puts another program in its place.
#[tokio::test]
async fn what_has_just_been_started_ends_too() {
    let commands: Vec<_> = (0..32)
        .map(|n| format!(r#""{n}": "sleep 1000 & exit 0""#))
        .collect();
    let devcontainer = format!(r#"{{"onCreateCommand": {{{}}}}}"#, commands.join(","));
    for sandbox in both() {
        let ran = Fixture::new(sandbox).run(&devcontainer).await;
        ran.result.as_ref().unwrap();
        assert_eq!(processes(ran.environment.id), Vec::<u32>::new());
    }
}

#[tokio::test]
async fn a_cancelled_command_leaves_nothing_after_stop() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox);
        let repository = fixture.with_devcontainer(
            r#"{"onCreateCommand": {
                "a": "setsid sleep 1000 & setsid setsid sleep 1000 & touch ready-a; wait",
                "b": "touch ready-b; sleep 1000"
            }}"#,
        );
        let environment = fixture.start(&repository, Revision::Head).await;
        let (environment, request) = (environment.0.unwrap(), environment.1);
        let writer = fixture.writer(&request);
        {
            let mut running = std::pin::pin!(fixture.runner.run_lifecycle(&environment, &writer));
            while !["ready-a", "ready-b"]
                .iter()
                .all(|name| environment.workspace.join(name).exists())
            {
                tokio::select! {
                    result = &mut running => panic!("{result:?} {}", fixture.log(&request)),
                    () = tokio::task::yield_now() => {}
                }
            }
            assert!(!processes(environment.id).is_empty());
        }
        timeout(LONG, fixture.runner.stop(environment.id))
            .await
            .unwrap()
            .unwrap();
        assert!(processes(environment.id).is_empty());
        fixture.runner.remove(environment.id).await.unwrap();
        assert!(!environment.workspace.exists());
    }
}

#[tokio::test]
async fn stop_ends_a_command_that_somebody_awaits() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox);
        let repository = fixture.with_devcontainer(
            r#"{"onCreateCommand": "touch ready; while :; do sleep 1000; done", "updateContentCommand": "touch later"}"#,
        );
        let (environment, request) = fixture.start(&repository, Revision::Head).await;
        let environment = environment.unwrap();
        let task = tokio::spawn({
            let (runner, environment, writer) = (
                fixture.runner.clone(),
                environment.clone(),
                fixture.writer(&request),
            );
            async move { runner.run_lifecycle(&environment, &writer).await }
        });
        while !environment.workspace.join("ready").exists() {
            tokio::task::yield_now().await;
        }
        fixture.runner.stop(environment.id).await.unwrap();
        assert!(processes(environment.id).is_empty());
        let error = timeout(LONG, task).await.unwrap().unwrap().unwrap_err();
        assert!(error.to_string().contains("onCreateCommand"), "{error}");
        assert!(!environment.workspace.join("later").exists());
    }
}

/// Whether a future ends within so many steps: it is polled, it asks to be polled again, it is
/// polled, and so on. After the last step it is dropped.
async fn ends_within(steps: usize, future: impl Future) -> bool {
    let mut future = std::pin::pin!(future);
    let mut left = steps;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        if left == 1 {
            return Poll::Ready(false);
        }
        left -= 2;
        Poll::Pending
    })
    .await
}

#[tokio::test]
async fn a_dropped_start_leaves_nothing_after_remove() {
    let bin = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(SandboxMode::None, |config| {
        config.search_path = lingering_git(bin.path(), &config.search_path);
    });
    let repository = fixture.with_devcontainer("{}");
    // Dropped after each possible step, until it ends.
    for steps in 0.. {
        let request = fixture.request(&repository, Revision::Head);
        let writer = fixture.writer(&request);
        let ended = ends_within(steps, fixture.runner.start(&request, &writer)).await;
        fixture.runner.remove(request.environment_id).await.unwrap();
        assert!(processes(request.environment_id).is_empty());
        assert!(fixture.runner.environments().await.unwrap().is_empty());
        if ended {
            break;
        }
    }
}

/// Puts a git into a folder that has a process beside it for as long as it runs, and for long after
/// it was killed alone. Returns the search path that begins with it.
fn lingering_git(folder: &Path, search_path: &str) -> String {
    let git = folder.join("git");
    let script = format!(
        "#!/bin/sh\nsleep 1000 </dev/null >/dev/null 2>&1 &\nPATH='{search_path}' git \"$@\"\ncode=$?\nkill $!\nexit $code\n"
    );
    std::fs::write(&git, script).unwrap();
    std::fs::set_permissions(&git, Permissions::from_mode(0o755)).unwrap();
    format!("{}:{search_path}", folder.display())
}

#[tokio::test]
async fn leftovers_of_an_earlier_server_end() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.with_devcontainer("{}");
    let environment = fixture.start(&repository, Revision::Head).await.0.unwrap();
    // One with the mark, one that shed its environment but works in the folder, and a stranger.
    let mut marked = Command::new("sleep")
        .arg("1000")
        .env(ENVIRONMENT_VARIABLE, environment.id.to_string())
        .spawn()
        .unwrap();
    let mut bare = Command::new("setsid")
        .args(["sleep", "1000"])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .current_dir(&environment.workspace)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let folder = fixture.folder.path().join("environments");
    let later = Runner::new(RunnerConfig::from_env(folder, SandboxMode::None)).unwrap();
    later.stop(environment.id).await.unwrap();
    for child in [&mut marked, &mut bare] {
        assert!(child.try_wait().unwrap().is_some(), "it still runs");
    }
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// Not a test of its own: what `nothing_survives_a_killed_server` starts and kills.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn server_to_be_killed() {
    let variable = |name| std::env::var(name).unwrap();
    let folder = std::path::PathBuf::from(variable("TEST_FOLDER"));
    let sandbox = if variable("TEST_SANDBOX") == "none" {
        SandboxMode::None
    } else {
        runner_fixture::bubblewrap()
    };
    let request = EnvironmentRequest {
        environment_id: variable("TEST_ENVIRONMENT").parse().unwrap(),
        prebuild_id: Uuid::now_v7(),
        source: Source {
            repository: Repository::parse(folder.join("app").to_str().unwrap()).unwrap(),
            revision: Revision::Head,
            devcontainer_file_path: None,
        },
        env: Vec::new(),
    };
    let runner = Runner::new(RunnerConfig::from_env(folder.join("environments"), sandbox)).unwrap();
    let log = Logs::open(folder.join("logs"))
        .unwrap()
        .writer(request.prebuild_id)
        .unwrap();
    let environment = runner.start(&request, &log).await.unwrap();
    runner.run_lifecycle(&environment, &log).await.unwrap();
}

#[tokio::test]
async fn nothing_survives_a_killed_server() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox.clone());
        fixture.with_devcontainer(
            r#"{"onCreateCommand": "setsid sleep 1000 & touch ready; sleep 1000"}"#,
        );
        let id = Uuid::now_v7();
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "server_to_be_killed"])
            .env("TEST_FOLDER", fixture.folder.path())
            .env("TEST_ENVIRONMENT", id.to_string())
            .env(
                "TEST_SANDBOX",
                if sandbox == SandboxMode::None {
                    "none"
                } else {
                    "auto"
                },
            )
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let environment = fixture
            .folder
            .path()
            .join("environments")
            .join(id.to_string());
        while !environment.join("workspace/ready").exists() {
            assert!(server.try_wait().unwrap().is_none(), "the server ended");
            tokio::task::yield_now().await;
        }
        server.kill().unwrap();
        server.wait().unwrap();
        let reopened = fixture.runner.reopen(id).await.unwrap().unwrap();
        assert_eq!(reopened.id, id);
        fixture.runner.remove(id).await.unwrap();
        assert!(processes(id).is_empty());
        assert!(!environment.exists());
    }
}

#[tokio::test]
async fn a_fork_bomb_ends() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.with_devcontainer(
        // Every process starts another and ends: there is always one that the last search missed.
        r#"{"onCreateCommand": "printf '#!/bin/sh\nsetsid ./chain & exit' > chain; chmod +x chain; ./chain; ./chain; ./chain; echo started; sleep 1000"}"#,
    );
    let (environment, request) = fixture.start(&repository, Revision::Head).await;
    let environment = environment.unwrap();
    let writer = fixture.writer(&request);
    {
        let mut running = std::pin::pin!(fixture.runner.run_lifecycle(&environment, &writer));
        while !fixture.log(&request).contains("\nstarted\n") {
            tokio::select! {
                result = &mut running => panic!("{result:?} {}", fixture.log(&request)),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    timeout(LONG, fixture.runner.stop(environment.id))
        .await
        .unwrap()
        .unwrap();
    assert!(processes(environment.id).is_empty());
}
