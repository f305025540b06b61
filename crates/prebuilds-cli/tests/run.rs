//! `run` and what can be done with its results, on one data folder without a server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::fs;

use fixture::{Fixture, Running, commit};

#[test]
fn a_prebuild_of_a_checkout_can_be_listed_shown_and_started_from() {
    let fixture = Fixture::new();
    let app = fixture.repository(
        "app",
        "mkdir target && echo built > target/out && echo cached > ~/cache && echo said so",
    );
    fs::write(app.join(".gitignore"), "target\n").unwrap();
    let head = commit(&app);
    fs::write(app.join("new"), "not committed").unwrap();

    let run = fixture
        .say(&["run", "app/.devcontainer", "--format", "json"])
        .exits(0);
    let prebuild = run.json();
    assert_eq!(prebuild["status"]["phase"], "PREBUILD_PHASE_COMPLETED");
    assert_eq!(prebuild["status"]["snapshotCompletionPercentage"], 100);
    for said in [
        "warning: uncommitted changes are left out (1 entry",
        "phase: completed\n",
        "\nsaid so\n",
        &head,
    ] {
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }

    let id = prebuild["id"].as_str().unwrap();
    let project_id = prebuild["metadata"]["projectId"].as_str().unwrap();
    for words in [
        ["list"].as_slice(),
        &["list", "--phase", "completed", "--project-id", project_id],
        &["get", id],
    ] {
        let shown = fixture
            .say(&[words, &["--format", "json"]].concat())
            .exits(0)
            .only();
        assert_eq!(shown["id"], prebuild["id"], "{words:?}");
        let text = fixture.say(words).exits(0).stdout;
        assert!(text.contains(id) && text.contains("completed"), "{text}");
    }
    let none = fixture
        .say(&["list", "--phase", "FAILED", "--format", "json"])
        .exits(0);
    assert_eq!(none.json(), serde_json::json!([]));
    let project = fixture
        .say(&["project", "get", project_id, "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(project["metadata"]["name"], "app");
    let log = fixture.say(&["logs", id]).exits(0).stdout;
    assert!(log.contains("\nsaid so\n"), "{log}");

    let started = fixture
        .say(&[
            "start", "app", "--into", "out", "--home", "home", "--format", "json",
        ])
        .exits(0);
    assert_eq!(started.only()["id"], prebuild["id"]);
    let why = format!("Starting from prebuild {id} (created ");
    assert!(started.stderr.contains(&why), "{}", started.stderr);
    assert!(started.stderr.contains(&head), "{}", started.stderr);
    let read = |path: &str| fs::read_to_string(fixture.path(path)).unwrap();
    assert_eq!(read("out/target/out"), "built\n");
    assert_eq!(read("out/.gitignore"), "target\n");
    assert_eq!(read("home/cache"), "cached\n");
    assert!(!fixture.path("out/new").exists());
    // What stands there is not overwritten.
    let again = fixture
        .say(&["start", project_id, "--into", "out"])
        .exits(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);

    // The same project, at another commit.
    let newer = commit(&app);
    let text = fixture.say(&["run", "app"]).exits(0);
    assert!(text.stderr.contains(&newer), "{}", text.stderr);
    assert!(
        text.stdout.contains("prebuilds start app --into DIR"),
        "{}",
        text.stdout
    );
    let projects = fixture
        .say(&["project", "list", "--format", "json"])
        .exits(0);
    assert_eq!(projects.only()["id"], project_id);
    let words = ["start", "app", "--into", "old", "--prebuild", id];
    assert!(fixture.say(&words).exits(0).stderr.contains(&head));

    fixture.say(&["delete", id]).exits(0);

    // A second project of that name: only its id names it.
    let url = format!("file://{}", app.display());
    let text = fixture.say(&["run", &url]).exits(0).stdout;
    assert!(!text.contains("start app "), "{text}");
    let ambiguous = fixture.say(&["start", "app", "--into", "x"]).exits(2);
    assert!(ambiguous.stderr.contains(project_id), "{ambiguous:?}");
}

#[test]
fn a_command_that_fails_is_named_and_explains_why_there_is_nothing_to_start_from() {
    let fixture = Fixture::new();
    fixture.repository("app", "echo out of luck; exit 3");
    let run = fixture.say(&["run", "app", "--format", "json"]).exits(1);
    let prebuild = run.json();
    assert_eq!(prebuild["status"]["phase"], "PREBUILD_PHASE_FAILED");
    let message = prebuild["status"]["failureMessage"].as_str().unwrap();
    assert!(message.contains("onCreateCommand"), "{message}");
    let id = prebuild["id"].as_str().unwrap();
    let error = format!("error: prebuild {id} failed: {message}\n");
    assert!(run.stderr.contains(&error), "{}", run.stderr);

    for words in [
        ["start", "app", "--into", "out"].as_slice(),
        &["start", "app", "--into", "out", "--prebuild", id],
    ] {
        let start = fixture.say(words).exits(1);
        assert!(start.stderr.contains(message), "{}", start.stderr);
        assert!(start.stderr.contains(id), "{}", start.stderr);
    }
    assert!(!fixture.path("out").exists());
    let start = fixture.say(&["start", "other", "--into", "out"]).exits(1);
    assert!(start.stderr.contains("no project is called \"other\""));
    // An ended prebuild cannot be cancelled.
    let cancel = fixture.say(&["cancel", id]).exits(1);
    assert!(cancel.stderr.contains("failed"), "{}", cancel.stderr);
    // `trigger` is done when the prebuild is, since the server goes with it.
    let project = prebuild["metadata"]["projectId"].as_str().unwrap();
    let again = fixture
        .say(&["trigger", project, "--format", "json"])
        .exits(1);
    assert_eq!(again.only()["status"]["phase"], "PREBUILD_PHASE_FAILED");
}

#[test]
fn an_empty_repository_is_prebuilt_too() {
    let fixture = Fixture::new();
    let app = fixture.path("empty");
    fs::create_dir(&app).unwrap();
    fixture::git(&app, &["init", "--quiet"]);
    let run = fixture.say(&["run", "empty", "--format", "json"]).exits(0);
    assert_eq!(run.json()["status"]["phase"], "PREBUILD_PHASE_COMPLETED");
}

#[test]
fn an_interrupt_cancels_the_prebuild_and_exits_with_130() {
    let fixture = Fixture::new();
    fixture.repository("app", "echo working; sleep 1000");
    let mut run = Running::start(&mut fixture.on_folder(&["run", "app", "--format", "json"]));
    run.wait_for_stderr("working\n");
    run.signal("INT");
    let run = run.end().exits(130);
    let prebuild = run.json();
    assert_eq!(prebuild["status"]["phase"], "PREBUILD_PHASE_CANCELLED");
    let listed = fixture.say(&["list", "--format", "json"]).exits(0).only();
    for part in [
        "/id",
        "/metadata",
        "/spec",
        "/status/phase",
        "/status/statusVersion",
    ] {
        assert_eq!(listed.pointer(part), prebuild.pointer(part), "{part}");
    }
}
