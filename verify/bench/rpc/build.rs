//! Compiles the one schema twice: for prost (ours and tonic's own server), and for connectrpc.

use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = "proto/bench/v1/bench.proto";
    println!("cargo:rerun-if-changed={file}");
    tonic_connect_build::configure().compile(&[file], &["proto"])?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = out.join("connectrpc.binpb");
    std::fs::write(
        &descriptors,
        protox::compile([file], ["proto"])?.encode_to_vec(),
    )?;
    let peer = out.join("connectrpc");
    std::fs::create_dir_all(&peer)?;
    connectrpc_build::Config::new()
        .descriptor_set(descriptors)
        .files(&["bench/v1/bench.proto"])
        .out_dir(peer)
        .include_file("mod.rs")
        .emit_rerun_directives(false)
        .compile()?;
    Ok(())
}
