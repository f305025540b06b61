//! What commands in the sandbox see and may do, and what works there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod runner_fixture;

use std::fs;

use runner_fixture::{Fixture, bubblewrap};

#[tokio::test]
async fn commands_see_the_system_and_nothing_else_of_this_machine() {
    let fixture = Fixture::new(bubblewrap());
    let data = fixture.folder.path().to_owned();
    fs::write(data.join("admin.token"), "secret").unwrap();
    let home = std::env::var("HOME").unwrap();
    let hidden: Vec<String> = ["environments", "admin.token", "logs", ""]
        .iter()
        .map(|name| data.join(name).display().to_string())
        .chain(
            [
                "/etc/shadow",
                "/etc/ssh",
                "/etc/ssl/private",
                "/etc/gitconfig",
                "/var/lib",
                "/var/log",
                "/sys",
                "/boot",
                "/srv",
                "/run/systemd",
            ]
            .map(str::to_owned),
        )
        .chain(
            [
                ".ssh",
                ".gitconfig",
                ".cargo/registry",
                ".cargo/credentials.toml",
                ".npmrc",
                ".config",
            ]
            .map(|name| format!("{home}/{name}")),
        )
        .collect();
    let script = format!(
        "for path in {}; do [ -e $path ] && echo \"visible: $path\"; done\n\
         for path in /usr /etc /bin /opt / /etc/passwd; do touch $path/x 2>/dev/null && echo \"writable: $path\"; done\n\
         find /proc -maxdepth 4 -not -path '/proc/[0-9]*' -type f -writable -printf 'writable: %p\\n'\n\
         grep Cap /proc/self/status; id -un; hostname; ls /proc | grep -c '^[0-9]'\n\
         unshare --user true && echo nested; mount -t tmpfs none /tmp && echo mounted\n\
         cat /proc/1/environ | tr '\\0' '\\n' | grep -c SECRET\n\
         touch /tmp/a /var/tmp/b ~/c ./d && ls /tmp; true",
        hidden.join(" ")
    );
    let json = serde_json::json!({ "onCreateCommand": script }).to_string();
    let ran = fixture.run(&json).await;
    ran.result.as_ref().unwrap();
    let output = ran.log.split("==> onCreateCommand").nth(1).unwrap();
    for bad in ["\nvisible: ", "\nwritable: ", "\nnested", "\nmounted"] {
        assert!(!output.contains(bad), "{output}");
    }
    for good in [
        "CapEff:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "\nprebuild\nprebuild\n",
        "\n0\n",
        "\na\nb\n",
    ] {
        assert!(output.contains(good), "{good} in {output}");
    }
}

#[tokio::test]
async fn a_repository_cannot_reach_the_sandbox_program() {
    // What a dynamic linker or a shell would act upon, had it the chance before the sandbox stands.
    let fixture = Fixture::new(bubblewrap());
    let ran = fixture
        .run(
            r#"{
            "containerEnv": {"LD_DEBUG": "all", "LD_DEBUG_OUTPUT": "/var/tmp/linker", "ENV": "./evil", "BASH_ENV": "./evil"},
            "onCreateCommand": ["/bin/true"]
        }"#,
        )
        .await;
    ran.result.as_ref().unwrap();
    // The linker wrote inside the sandbox only.
    let seen = fs::read_dir("/var/tmp").unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("linker")
    });
    assert!(!seen);
    let inside = ran.environment.home.with_file_name("tmp");
    assert!(fs::read_dir(inside).unwrap().count() > 0);
}

#[tokio::test]
async fn secrets_stand_in_no_argument() {
    let fixture = Fixture::new(bubblewrap());
    let repository = fixture
        .with_devcontainer(r#"{"onCreateCommand": "mkfifo fifo; echo ready > ready; cat fifo"}"#);
    let (environment, request) = fixture
        .start(&repository, prebuildd::domain::source::Revision::Head)
        .await;
    let environment = environment.unwrap();
    let writer = fixture.writer(&request);
    let mut running = std::pin::pin!(fixture.runner.run_lifecycle(&environment, &writer));
    let ready = environment.workspace.join("ready");
    while !ready.exists() {
        tokio::select! {
            result = &mut running => panic!("{result:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    let mut outer = 0;
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(arguments) = fs::read(entry.unwrap().path().join("cmdline")) else {
            continue;
        };
        let arguments = String::from_utf8_lossy(&arguments);
        assert!(!arguments.contains("s3cret"), "{arguments}");
        outer += usize::from(arguments.contains("bwrap"));
    }
    assert!(outer > 0);
    fs::write(environment.workspace.join("fifo"), "go\n").unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn toolchains_of_the_server_work() {
    let fixture = Fixture::new(bubblewrap());
    let tools = [
        "cargo --version",
        "rustc --version",
        "node --version",
        "npm --version",
        "python3 --version",
        "go version",
        "java -version",
        "git --version",
    ];
    let present: Vec<&str> = tools
        .into_iter()
        .filter(|tool| {
            let words: Vec<&str> = tool.split(' ').collect();
            std::process::Command::new(words[0])
                .args(&words[1..])
                .output()
                .is_ok_and(|output| output.status.success())
        })
        .collect();
    assert!(
        present.len() >= 2,
        "cargo and git at least are here: {present:?}"
    );
    let json = serde_json::json!({ "onCreateCommand": present.join(" && ") }).to_string();
    let ran = fixture.run(&json).await;
    assert!(ran.result.is_ok(), "{}", ran.log);
}
