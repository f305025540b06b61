//! The command line itself: help, bad usage, and output that nobody reads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::process::Stdio;

use fixture::{Fixture, say};

const ID: &str = "01980000-0000-7000-8000-000000000000";

#[test]
fn help_lists_every_command_and_each_has_examples() {
    let fixture = Fixture::new();
    let help = say(&mut fixture.command(&["--help"])).exits(0).stdout;
    for command in [
        "run",
        "serve",
        "project",
        "trigger",
        "list",
        "get",
        "cancel",
        "delete",
        "logs",
        "start",
        "token",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        let help = say(&mut fixture.command(&[command, "--help"])).exits(0);
        assert!(
            help.stdout.contains("Examples:\n  "),
            "{command}: {}",
            help.stdout
        );
    }
    let version = say(&mut fixture.command(&["--version"])).exits(0).stdout;
    assert_eq!(
        version,
        format!("prebuilds {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn bad_usage_exits_with_2_and_says_what_to_do() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("plain")).unwrap();
    std::fs::write(fixture.path("file"), "").unwrap();
    std::fs::write(fixture.path("bad.toml"), "colour = 1").unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: prebuilds <COMMAND>"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["run", "plain"], "run `git init` there"),
        (&["run", "file"], "name the folder of a git checkout"),
        (&["run", "nowhere"], "nowhere does not exist"),
        (
            &["run", "https://user:pw@example.com/app"],
            "configure git credentials",
        ),
        (
            &["run", "--timeout", "4m59s"],
            "timeout 4m59s is below the minimum of 5m",
        ),
        (
            &["trigger", ID, "--prebuild-timeout", "2h1s"],
            "timeout 2h0m1s is above the maximum of 2h",
        ),
        (&["run", "--timeout", "soon"], "write it like 45m"),
        (&["run", "--format", "xml"], "possible values: text, json"),
        (&["get", "7"], "invalid value '7'"),
        (&["list", "--phase", "done"], "unknown prebuild phase"),
        (&["start", "app"], "--into <DIR>"),
        (
            &["list", "--server", "http://127.0.0.1:1"],
            "set PREBUILDS_API_KEY",
        ),
        (&["list", "--token", "t"], "--token needs a server"),
        (
            &["list", "--server", "http://h", "--data-dir", "d"],
            "cannot be used with",
        ),
        (&["serve", "--config", "none.toml"], "none.toml"),
        (&["serve", "--config", "bad.toml"], "colour"),
    ];
    for (words, message) in cases {
        let said = say(&mut fixture.command(words));
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        assert!(said.stderr.contains(message), "{words:?}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{words:?}");
        assert!(!said.stderr.contains("pw@"), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn server_and_token_come_from_the_first_variables_that_are_set() {
    let fixture = Fixture::new();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("ONA_BASE_URL", "http://127.0.0.1:2"), ("ONA_API_KEY", "t")],
            "127.0.0.1:2",
        ),
        (
            &[
                ("PREBUILDS_BASE_URL", "http://127.0.0.1:1"),
                ("PREBUILDS_API_KEY", "t"),
                ("ONA_BASE_URL", "http://127.0.0.1:2"),
                ("ONA_API_KEY", "t"),
            ],
            "127.0.0.1:1",
        ),
        (
            &[
                ("GITPOD_BASE_URL", "http://127.0.0.1:3"),
                ("GITPOD_API_KEY", "t"),
            ],
            "127.0.0.1:3",
        ),
    ];
    for (variables, address) in cases {
        let said = say(fixture.command(&["list"]).envs(variables.iter().copied())).exits(1);
        let question = format!("is the server running at http://{address}?");
        assert!(said.stderr.contains(&question), "{}", said.stderr);
    }
    // The token of another service stays away from a server that was named.
    let words = ["list", "--server", "http://127.0.0.1:4"];
    let said = say(fixture.command(&words).env("ONA_API_KEY", "secret")).exits(2);
    assert!(said.stderr.contains("no token for"), "{}", said.stderr);
}

#[test]
fn completions_are_printed_for_each_shell() {
    let fixture = Fixture::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = say(&mut fixture.command(&["completions", shell])).exits(0);
        assert!(said.stdout.contains("environment-class-id"), "{shell}");
    }
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let fixture = Fixture::new();
    for words in [
        ["completions", "bash"].as_slice(),
        &["list", "--format", "json"],
    ] {
        let mut child = fixture
            .command(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {stderr}");
        assert_eq!(stderr, "", "{words:?}");
    }
}
