//! Compiles the shared schema with the peer's own generator; protox stands in for protoc.

use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../proto");
    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("echo.binpb");
    let compiled = protox::compile(["../proto/echo/v1/echo.proto"], ["../proto"])?;
    std::fs::write(&descriptors, compiled.encode_to_vec())?;
    connectrpc_build::Config::new()
        .descriptor_set(descriptors)
        .files(&["echo/v1/echo.proto"])
        .include_file("_connectrpc.rs")
        .emit_rerun_directives(false)
        .compile()?;
    Ok(())
}
