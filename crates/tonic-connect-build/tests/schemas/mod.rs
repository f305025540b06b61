//! A schema of one file, compiled.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tonic_connect_build::{Builder, Error};

pub(crate) const HEAD: &str =
    "syntax = \"proto3\";\npackage demo.v1;\nimport \"buf/validate/validate.proto\";\n";

pub(crate) const SERVICE: &str = r#"
    message Request { string type = 1; }
    message Response {}
    service Demo {
      rpc Read(Request) returns (Response) { option idempotency_level = NO_SIDE_EFFECTS; }
      rpc Move(Request) returns (stream Response);
      rpc Upload(stream Request) returns (Response);
    }
"#;

/// Compiles one file and returns the code of package `demo.v1`.
pub(crate) fn compile(builder: Builder, body: &str) -> Result<String, Error> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("demo.proto"), format!("{HEAD}{body}")).unwrap();
    compile_in(builder, folder.path())
        .map(|()| fs::read_to_string(folder.path().join("demo.v1.rs")).unwrap())
}

pub(crate) fn compile_in(builder: Builder, folder: &Path) -> Result<(), Error> {
    builder
        .out_dir(folder)
        .compile(&[folder.join("demo.proto")], &[folder])
}
