//! The commands of a prebuild: forms, order, environment, failures; with and without the sandbox.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod runner_fixture;

use runner_fixture::{Fixture, both};

#[tokio::test]
async fn commands_run_in_order_in_their_three_forms() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox);
        let ran = fixture
            .run(
                r#"{
                // out of order on purpose
                "updateContentCommand": {
                    "a": "while [ ! -e b ]; do sleep 0.01; done; echo a done",
                    "b": ["sh", "-c", "echo b done; touch b"],
                    "none": ""
                },
                "initializeCommand": "echo init | tee order; echo to stderr >&2",
                "onCreateCommand": ["sh", "-c", "echo \"create $0 $1\" >> order", "x y", "$HOME"],
                "postCreateCommand": "echo post >> order",
            }"#,
            )
            .await;
        ran.result.as_ref().unwrap();
        assert_eq!(ran.file("order"), "init\ncreate x y $HOME\n");
        let mut at = 0;
        for line in [
            "==> initializeCommand: echo init | tee order; echo to stderr >&2\n",
            "init\nto stderr\n",
            "initializeCommand ended with exit code 0 after ",
            "==> onCreateCommand: [\"sh\",\"-c\",",
            "==> updateContentCommand (a): while",
            "==> updateContentCommand (b): [",
            "[b] b done\n",
        ] {
            let found = ran.log[at..].find(line);
            at += found.unwrap_or_else(|| panic!("{line} in\n{}", ran.log));
        }
        assert!(ran.log.contains("[a] a done\n"), "{}", ran.log);
        assert!(!ran.log.contains("postCreate"));
    }
}

#[tokio::test]
async fn the_first_failure_ends_the_prebuild() {
    for sandbox in both() {
        for (stage, expected) in [
            (
                r#""exit 7""#,
                "onCreateCommand of .devcontainer/devcontainer.json ended with exit code 7",
            ),
            (
                r#"["no-such-program-here"]"#,
                "onCreateCommand of .devcontainer/devcontainer.json ",
            ),
            (
                r#"{"bad": "exit 3", "good": "while [ ! -e go ]; do sleep 0.01; done; touch good", "go": "touch go"}"#,
                "onCreateCommand (bad) of .devcontainer/devcontainer.json ended with exit code 3",
            ),
        ] {
            let json =
                format!(r#"{{"onCreateCommand": {stage}, "updateContentCommand": "touch later"}}"#);
            let fixture = Fixture::new(sandbox.clone());
            let ran = fixture.run(&json).await;
            let error = ran.result.as_ref().unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.is_transient());
            assert!(ran.log.contains(expected), "{}", ran.log);
            assert!(!ran.exists("later"));
            assert_eq!(ran.exists("good"), stage.contains("good"), "{}", ran.log);
        }
    }
}

#[tokio::test]
async fn commands_get_the_environment_that_the_file_describes() {
    for sandbox in both() {
        let sandboxed = sandbox != prebuildd::runner::SandboxMode::None;
        let fixture = Fixture::with(sandbox, |config| {
            for name in ["ALLOWED", "HIDDEN"] {
                config
                    .server_env
                    .insert(name.to_owned(), format!("{name} value"));
            }
            config.local_env.push("ALLOWED".to_owned());
        });
        let ran = fixture
            .run(
                r#"{
                "containerEnv": {"A": "${localEnv:ALLOWED}", "B": "[${localEnv:HIDDEN}]", "C": "${localEnv:HIDDEN:c}",
                    "SECRET": "overridden", "GONE": "1", "PREBUILDS_ENVIRONMENT_ID": "forged"},
                "remoteEnv": {"D": "${containerEnv:A} ${containerEnv:NONE:none}", "GONE": null,
                    "PATH": "/extra:${containerEnv:PATH}"},
                "onCreateCommand": "env > env; pwd > pwd; cat > stdin; echo ${containerWorkspaceFolder} ${localWorkspaceFolderBasename} > folder; touch ~/in-home ${TMPDIR:-/tmp}/in-tmp",
                "updateContentCommand": ["sh", "-c", "ls ~ > home"]
            }"#,
            )
            .await;
        ran.result.as_ref().unwrap();
        let env = ran.file("env");
        let id = format!("PREBUILDS_ENVIRONMENT_ID={}", ran.environment.id);
        for line in [
            "A=ALLOWED value",
            "B=[]",
            "C=c",
            "D=ALLOWED value none",
            "SECRET=s3cret",
            id.as_str(),
        ] {
            assert!(env.lines().any(|l| l == line), "{line} in\n{env}");
        }
        for name in [
            "GONE",
            "HIDDEN",
            "ALLOWED",
            "CARGO_TARGET_DIR",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(
                !env.lines().any(|l| l.starts_with(&format!("{name}="))),
                "{env}"
            );
        }
        assert!(env.contains("PATH=/extra:/"), "{env}");
        let workspace = ran.environment.workspace.to_str().unwrap();
        let (folder, home) = if sandboxed {
            ("/workspaces/app", "/home/prebuild")
        } else {
            (workspace, ran.environment.home.to_str().unwrap())
        };
        assert_eq!(ran.file("pwd").trim(), folder);
        assert!(ran.file("folder").starts_with(folder));
        assert_eq!(ran.file("stdin"), "");
        assert_eq!(ran.file("home").trim(), "in-home");
        assert!(env.contains(&format!("HOME={home}\n")), "{env}");
        assert!(ran.environment.home.join("in-home").exists());
        assert!(
            ran.environment
                .home
                .with_file_name("tmp")
                .join("in-tmp")
                .exists()
        );
        assert!(!ran.log.contains("s3cret"));
    }
}

#[tokio::test]
async fn much_output_and_no_line_end_arrive_whole() {
    for sandbox in both() {
        let fixture = Fixture::new(sandbox);
        let ran = fixture
            .run(
                r#"{"onCreateCommand": "head -c 300000 /dev/zero | tr '\\0' x; printf 'the end'"}"#,
            )
            .await;
        ran.result.as_ref().unwrap();
        let line = ran.log.lines().find(|line| line.ends_with("the end"));
        assert_eq!(line.unwrap().len(), 300_000 + "the end".len());
        assert!(ran.log.contains("xthe end\nonCreateCommand ended"));
    }
}
