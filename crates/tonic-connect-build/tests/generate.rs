//! What the generator writes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod schemas;

use std::fs;

use tempfile::TempDir;
use tonic_connect_build::configure;

use schemas::{HEAD, SERVICE, compile, compile_in};

#[test]
fn a_service_gets_its_table_and_one_arm_for_each_method() {
    let code = compile(configure(), SERVICE).unwrap();
    for part in [
        "pub trait Demo:",
        "pub struct DemoClient<",
        "pub struct DemoConnect<T>",
        "pub static SERVICE: ::tonic_connect::schema::Service",
        "path: \"/demo.v1.Demo/Read\"",
        "kind: ::tonic_connect::schema::MethodKind::ServerStreaming",
        "idempotency: ::tonic_connect::schema::Idempotency::NoSideEffects",
        "Demo::r#move(&*inner, request).await",
        "server::client_streaming(",
        "impl ::serde::Serialize for Request",
        "impl ::tonic_connect::validate::Validate for Request",
    ] {
        assert!(code.contains(part), "{part} is not in\n{code}");
    }
    assert!(!code.contains("cfg(feature"));
}

#[test]
fn clients_and_servers_go_behind_features() {
    let code = compile(
        configure().client_feature("calls").server_feature("serves"),
        SERVICE,
    )
    .unwrap();
    for part in [
        "#[cfg(feature = \"calls\")]\npub mod demo_client",
        "#[cfg(feature = \"serves\")]\npub mod demo_server",
        "#[cfg(any(feature = \"calls\", feature = \"serves\"))]\npub mod demo_connect",
        "#[cfg(feature = \"serves\")]\n    pub use self::server::DemoConnect;",
    ] {
        let (part, code) = (squeeze(part), squeeze(&code));
        assert!(code.contains(&part), "{part} is not there");
    }
}

fn squeeze(code: &str) -> String {
    let lines = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("///") && !line.starts_with("#[doc"));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_stays_the_same_is_not_written_again() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("demo.proto"), format!("{HEAD}{SERVICE}")).unwrap();
    compile_in(configure(), folder.path()).unwrap();
    let file = folder.path().join("demo.v1.rs");
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(old)
        .unwrap();
    compile_in(configure(), folder.path()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), old);
}

#[test]
fn cargo_is_told_which_files_were_read() {
    // In a process of its own, because cargo listens on the standard output.
    let run = |rerun: bool| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "compiles_what_the_environment_names",
                "--nocapture",
                "--ignored",
            ])
            .env("COMPILE_AND_EMIT", rerun.to_string());
        let output = command.output().unwrap();
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        // On a machine with one core the first stands behind the name of the test.
        let paths = lines
            .lines()
            .filter_map(|line| line.split_once("cargo:rerun-if-changed="));
        paths
            .map(|(_, path)| path.rsplit_once('/').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    // Neither the folder, whose other files do not matter, nor what comes with the generator.
    assert_eq!(run(true), ["imported.proto", "demo.proto"]);
    assert_eq!(run(false), [""; 0]);
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn compiles_what_the_environment_names() {
    let folder = TempDir::new().unwrap();
    let proto = format!("{HEAD}import \"imported.proto\";\n{SERVICE}");
    fs::write(folder.path().join("demo.proto"), proto).unwrap();
    fs::write(
        folder.path().join("imported.proto"),
        "syntax = \"proto3\";\n",
    )
    .unwrap();
    fs::write(folder.path().join("other.proto"), "syntax = \"proto3\";\n").unwrap();
    let emit = std::env::var("COMPILE_AND_EMIT").unwrap() == "true";
    compile_in(configure().emit_rerun_if_changed(emit), folder.path()).unwrap();
}

#[test]
fn the_first_name_of_a_number_is_the_one_to_write() {
    let code = compile(
        configure(),
        r#"
            enum Kind {
              option allow_alias = true;
              KIND_UNSPECIFIED = 0;
              ZEBRA = 1;
              APE = 1;
              BEAR = 1;
            }
            message Animal { Kind kind = 1; }
        "#,
    )
    .unwrap();
    let written = code.split("fn name(number: i32)").nth(1).unwrap();
    let written = written.split("fn number(").next().unwrap();
    assert!(written.contains("\"ZEBRA\""), "{written}");
    assert!(
        !written.contains("APE") && !written.contains("BEAR"),
        "{written}"
    );
    for name in ["ZEBRA", "APE", "BEAR"] {
        let read = format!("\"{name}\" => ::core::option::Option::Some(1i32)");
        assert!(code.contains(&read), "{read} is not in\n{code}");
    }
}
