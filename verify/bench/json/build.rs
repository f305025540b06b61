//! Generates the schema once more, with stock pbjson and with buffa. Ours is in the API crate.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let includes = [
        root.join("proto"),
        root.join("crates/tonic-connect-build/proto"),
    ];
    let proto = "gitpod/v1/prebuild.proto";
    for include in &includes {
        println!("cargo:rerun-if-changed={}", include.display());
    }
    let mut compiler = protox::Compiler::new(&includes)?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(proto)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let (stock, buffa) = (out.join("stock"), out.join("buffa"));
    std::fs::create_dir_all(&stock)?;
    std::fs::create_dir_all(&buffa)?;
    let encoded = out.join("descriptor.binpb");
    std::fs::write(&encoded, compiler.encode_file_descriptor_set())?;

    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| file.package() != "buf.validate");
    for file in &mut files.file {
        file.dependency.retain(|name| !name.starts_with("buf/"));
        file.service.clear();
    }
    prost_build::Config::new()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .out_dir(&stock)
        .compile_fds(files)?;
    pbjson_build::Builder::new()
        .register_descriptors(&std::fs::read(&encoded)?)?
        .ignore_unknown_fields()
        .out_dir(&stock)
        .build(&[".gitpod.v1"])?;

    buffa_build::Config::new()
        .descriptor_set(&encoded)
        .files(&[
            "gitpod/v1/prebuild.proto",
            "gitpod/v1/identity.proto",
            "gitpod/v1/pagination.proto",
        ])
        .generate_json(true)
        .generate_views(false)
        .include_file("mod.rs")
        .out_dir(&buffa)
        .compile()?;
    Ok(())
}
