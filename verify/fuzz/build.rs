//! Compiles the protobuf conformance suite's messages with the generator under test.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let include = std::env::var("PROTOBUF_CONFORMANCE_INCLUDE")
        .map_err(|_| "PROTOBUF_CONFORMANCE_INCLUDE is not set: start this by ./run")?;
    println!("cargo:rerun-if-env-changed=PROTOBUF_CONFORMANCE_INCLUDE");
    tonic_connect_build::configure().compile(
        &[format!(
            "{include}/google/protobuf/test_messages_proto3.proto"
        )],
        &[include],
    )?;
    Ok(())
}
