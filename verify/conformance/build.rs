//! Compiles the suite's own schema, which the run script finds in the suite's Go module.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed=CONFORMANCE_PROTO");
    let include = std::env::var("CONFORMANCE_PROTO")
        .map_err(|_| "CONFORMANCE_PROTO is not set: use verify/conformance/run")?;
    let file = |name: &str| format!("{include}/connectrpc/conformance/v1/{name}.proto");
    tonic_connect_build::configure().compile(
        &["service", "config", "server_compat", "client_compat"].map(file),
        &[include],
    )?;
    Ok(())
}
