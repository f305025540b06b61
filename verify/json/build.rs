//! Compiles the conformance suite's messages with the generator under test, and lists the types of
//! both schemas.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use heck::ToUpperCamelCase as _;
use prost::Message as _;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    let include = std::env::var("PROTOBUF_CONFORMANCE_INCLUDE")
        .map_err(|_| "PROTOBUF_CONFORMANCE_INCLUDE is not set: start this by ./run")?;
    println!("cargo:rerun-if-env-changed=PROTOBUF_CONFORMANCE_INCLUDE");
    tonic_connect_build::configure().compile(
        &[format!(
            "{include}/google/protobuf/test_messages_proto3.proto"
        )],
        &[include],
    )?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let suite = FileDescriptorSet::decode(std::fs::read(out.join("descriptor.binpb"))?.as_slice())?;
    let schema = FileDescriptorSet::decode(prebuilds::FILE_DESCRIPTOR_SET)?;
    let mut table = String::new();
    for (set, package, module) in [
        (schema, "gitpod.v1", "prebuilds::v1"),
        (suite, "protobuf_test_messages.proto3", "crate::proto3"),
    ] {
        for file in set.file.iter().filter(|file| file.package() == package) {
            for message in &file.message_type {
                let name = message.name();
                let path = name.to_upper_camel_case();
                writeln!(
                    table,
                    "(\"{package}.{name}\", Codec::of::<{module}::{path}>()),"
                )?;
            }
        }
    }
    std::fs::write(out.join("codecs.rs"), format!("&[{table}]"))?;
    Ok(())
}
