//! The generator writes the same each time, and what it writes for the schema of `examples/chat` is what is recorded.
//!
//! When a change of the generator is meant, record it anew and read the difference before it is committed:
//! `BLESS=1 cargo test -p tonic-connect-build --test golden`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tonic_connect_build::configure;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Everything that is written for a schema of the examples, by the file's name.
fn generate(example: &str, protos: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let include = here("../../examples").join(example).join("proto");
    let folder = TempDir::new().unwrap();
    let protos: Vec<_> = protos.iter().map(|proto| include.join(proto)).collect();
    configure()
        .emit_rerun_if_changed(false)
        .out_dir(folder.path())
        .include_file("all.rs")
        .compile(&protos, &[include])
        .unwrap();
    fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn two_runs_write_the_same_bytes() {
    let protos = ["zoo/v1/zoo.proto", "no_package.proto"];
    let (first, second) = (generate("zoo", &protos), generate("zoo", &protos));
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "_.rs",
            "all.rs",
            "descriptor.binpb",
            "zoo.self.mod.rs",
            "zoo.type.v1.rs",
            "zoo.v1.rs"
        ]
    );
    assert!(first == second);
    // Nothing speaks of a package without a name.
    let stray = std::str::from_utf8(&first["_.rs"]).unwrap();
    assert!(stray.contains("/// Makes the messages that are in no package known"));
}

#[test]
fn the_chat_is_generated_as_recorded() {
    let generated = generate("chat", &["chat/v1/chat.proto"]);
    for name in ["all.rs", "chat.v1.rs"] {
        let path = here("tests/golden").join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &generated[name]).unwrap();
        }
        let recorded = fs::read_to_string(&path).unwrap();
        let generated = std::str::from_utf8(&generated[name]).unwrap();
        let difference = recorded
            .lines()
            .zip(generated.lines())
            .position(|(recorded, generated)| recorded != generated)
            .unwrap_or_else(|| recorded.lines().count().min(generated.lines().count()));
        assert!(
            recorded == generated,
            "{name} differs from line {} on: {:?} was recorded, {:?} is generated; if that is meant, run \
             BLESS=1 cargo test -p tonic-connect-build --test golden",
            difference + 1,
            recorded.lines().nth(difference).unwrap_or_default(),
            generated.lines().nth(difference).unwrap_or_default(),
        );
    }
}
