//! `serve`, and commands that talk to it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fixture::{Fixture, Running, say};

#[test]
fn a_server_says_where_it_listens_makes_a_private_token_and_drains() {
    let fixture = Fixture::new();
    for (signal, is_first) in [("TERM", true), ("INT", false)] {
        let words = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "none"];
        let mut server = Running::start(&mut fixture.on_folder(&words));
        let line = server.wait_for_stdout("");
        let port = line.strip_prefix("listening on http://127.0.0.1:").unwrap();
        assert_ne!(port.trim_end().parse::<u16>().unwrap(), 0);

        let token = fixture.data_dir().join("admin.token");
        let mode = fs::metadata(&token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let second = fixture.say(&words).exits(1);
        assert!(second.stderr.contains("another server"), "{second:?}");

        server.signal(signal);
        let said = server.end().exits(0);
        assert_eq!(said.stdout, line, "nothing else on standard output");
        assert_eq!(said.stderr.contains("admin.token"), is_first, "{said:?}");
        let secret = fs::read_to_string(&token).unwrap();
        assert!(!said.stderr.contains(secret.trim()), "{said:?}");
    }
}

#[test]
fn prebuilds_are_triggered_waited_for_followed_and_cancelled_on_a_server() {
    let fixture = Fixture::new();
    let quick = fixture.repository("quick", "echo quick");
    let slow = fixture.repository("slow", "echo slow; sleep 1000");
    let server = fixture.serve();

    let create = |name: &str, repository: &std::path::Path| {
        let repository = repository.to_str().unwrap();
        let words = [
            "project",
            "create",
            "--name",
            name,
            "--repository",
            repository,
            "--branch",
            "main",
            "--format",
            "json",
        ];
        let project = fixture.say(&words).exits(0).only();
        assert_eq!(
            project["initializer"]["specs"][0]["git"]["cloneTarget"],
            "main"
        );
        project["id"].as_str().unwrap().to_owned()
    };
    let (quick, slow) = (create("quick", &quick), create("slow", &slow));
    let projects = fixture
        .say(&["project", "list", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(projects.as_array().unwrap().len(), 2);

    let words = [
        "trigger",
        &quick,
        "--prebuild-timeout",
        "2h",
        "--wait",
        "--format",
        "json",
    ];
    let prebuild = fixture.say(&words).exits(0).only();
    assert_eq!(prebuild["status"]["phase"], "PREBUILD_PHASE_COMPLETED");
    assert_eq!(prebuild["spec"]["timeout"], "7200s");

    // Without --wait it is answered at once.
    let prebuild = fixture
        .say(&["trigger", &slow, "--format", "json"])
        .exits(0)
        .only();
    let id = prebuild["id"].as_str().unwrap();
    let mut follow = Running::start(&mut fixture.on_folder(&["logs", id, "--follow"]));
    follow.wait_for_stdout("slow\n");
    let cancelled = fixture
        .say(&["cancel", id, "--format", "json"])
        .exits(0)
        .only();
    let phase = cancelled["status"]["phase"].as_str().unwrap();
    assert!(phase.starts_with("PREBUILD_PHASE_CANCELL"), "{phase}");
    follow.end().exits(0);

    // With --wait an interrupt cancels.
    let mut wait = Running::start(&mut fixture.on_folder(&["trigger", &slow, "--wait"]));
    wait.wait_for_stderr("phase: running");
    wait.signal("INT");
    let waited = wait.end().exits(130);
    assert!(waited.stdout.contains("cancelled"), "{waited:?}");

    fixture.say(&["project", "delete", &slow]).exits(0);
    let gone = fixture.say(&["project", "get", &slow]).exits(1);
    assert!(gone.stderr.contains("prebuilds project list"), "{gone:?}");
    server.signal("TERM");
    server.end().exits(0);
}

#[test]
fn tokens_are_made_used_listed_and_revoked_beside_a_server() {
    let fixture = Fixture::new();
    let words = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "none"];
    let mut server = Running::start(&mut fixture.on_folder(&words));
    let line = server.wait_for_stdout("listening on ");
    let url = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .to_owned();
    let call = |secret: &str, words: &[&str]| {
        let mut command = fixture.command(words);
        command
            .env("PREBUILDS_BASE_URL", &url)
            .env("PREBUILDS_API_KEY", secret);
        say(&mut command)
    };

    let made = fixture
        .say(&["token", "create", "--name", "ci", "--read-only"])
        .exits(0);
    let secret = made.stdout.trim();
    assert_eq!(made.stdout.lines().count(), 1, "only the secret: {made:?}");
    call(secret, &["list"]).exits(0);
    let create = ["project", "create", "--name", "n", "--repository", "/r"];
    let refused = call(secret, &create).exits(1);
    assert!(refused.stderr.contains("read-only"), "{refused:?}");

    let listed = fixture.say(&["token", "list", "--format", "json"]).exits(0);
    assert!(!listed.stdout.contains(secret), "{listed:?}");
    let tokens = listed.json();
    let token = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["name"] == "ci")
        .unwrap();
    assert_eq!(token["readOnly"], true);
    let id = token["id"].as_str().unwrap();

    fixture.say(&["token", "revoke", id]).exits(0);
    let refused = call(secret, &["list"]).exits(1);
    assert!(
        refused.stderr.contains("prebuilds token create"),
        "{refused:?}"
    );
    let text = fixture.say(&["token", "list"]).exits(0).stdout;
    assert!(
        text.lines()
            .any(|line| line.contains(id) && line.ends_with("revoked")),
        "{text}"
    );

    // Another organization sees nothing of the first.
    let words = [
        "token",
        "create",
        "--name",
        "x",
        "--organization",
        "other",
        "--format",
        "json",
    ];
    let other = fixture.say(&words).exits(0).only();
    fixture
        .say(&["project", "create", "--name", "n", "--repository", "/r"])
        .exits(0);
    let seen = call(
        other["secret"].as_str().unwrap(),
        &["project", "list", "--format", "json"],
    );
    assert_eq!(seen.exits(0).json(), serde_json::json!([]));
    let revoked = fixture
        .say(&["token", "revoke", id, "--organization", "other"])
        .exits(1);
    assert!(
        revoked.stderr.contains("prebuilds token list"),
        "{revoked:?}"
    );
    for words in [
        &["token", "list", "--organization", "othr"][..],
        &["token", "revoke", id, "--organization", "othr"],
    ] {
        let typo = fixture.say(words).exits(1);
        assert!(typo.stderr.contains("no organization \"othr\""), "{typo:?}");
    }
}
