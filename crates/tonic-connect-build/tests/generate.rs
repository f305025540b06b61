//! What the generator writes, and what it says about schemas that it cannot compile.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tonic_connect_build::{Builder, Error, configure};

const HEAD: &str =
    "syntax = \"proto3\";\npackage demo.v1;\nimport \"buf/validate/validate.proto\";\n";

/// Compiles one file and returns the code of package `demo.v1`.
fn compile(builder: Builder, body: &str) -> Result<String, Error> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("demo.proto"), format!("{HEAD}{body}")).unwrap();
    compile_in(builder, folder.path())
        .map(|()| fs::read_to_string(folder.path().join("demo.v1.rs")).unwrap())
}

fn compile_in(builder: Builder, folder: &Path) -> Result<(), Error> {
    builder
        .out_dir(folder)
        .compile(&[folder.join("demo.proto")], &[folder])
}

const SERVICE: &str = r#"
    message Request { string type = 1; }
    message Response {}
    service Demo {
      rpc Read(Request) returns (Response) { option idempotency_level = NO_SIDE_EFFECTS; }
      rpc Move(Request) returns (stream Response);
      rpc Upload(stream Request) returns (Response);
    }
"#;

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
fn the_output_is_the_same_each_time() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [first, second] = folders.each_ref().map(|folder| {
        fs::write(folder.path().join("demo.proto"), format!("{HEAD}{SERVICE}")).unwrap();
        compile_in(configure(), folder.path()).unwrap();
        ["demo.v1.rs", "descriptor.binpb"].map(|name| fs::read(folder.path().join(name)).unwrap())
    });
    assert!(first == second);
}

#[test]
fn what_cannot_be_compiled_is_named() {
    let field = |options: &str| format!("message M {{ string a = 1 [{options}]; }}");
    let cases = [
        (field("(buf.validate.field).string.no_such_rule = true"), "no_such_rule"),
        (
            field("(buf.validate.field).cel = {id: \"x\", expression: \"this.size() > 2\"}"),
            "demo.v1.M.a: the expression `this.size() > 2` is not compiled",
        ),
        (field("(buf.validate.field).string.pattern = \"(\""), "demo.v1.M.a: `(` is not a regular expression"),
        ("message M { map<string, string> a = 1 [(buf.validate.field).required = true, (buf.validate.field).cel = {id: \"x\", expression: \"this.matches('y')\"}]; }".to_owned(), "demo.v1.M.a: rules for maps are not compiled"),
        ("message M { NoSuchType a = 1; }".to_owned(), "NoSuchType"),
        ("message M { string a = 1 }".to_owned(), "demo.proto"),
    ];
    for (body, expected) in cases {
        let error = compile(configure(), &body).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} is not in: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = TempDir::new().unwrap();
    let error = compile_in(configure(), folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("demo.proto"), "{error}");
}
