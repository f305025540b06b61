//! Compiles `proto/` into messages, JSON, validation, and client and server stubs.

fn main() -> Result<(), tonic_connect_build::Error> {
    tonic_connect_build::configure()
        .client_feature("client")
        .server_feature("server")
        .compile(
            &[
                "proto/gitpod/v1/actionable_error.proto",
                "proto/gitpod/v1/event.proto",
                "proto/gitpod/v1/identity.proto",
                "proto/gitpod/v1/prebuild.proto",
                "proto/gitpod/v1/project.proto",
                "proto/gitpod/v1/runner_configuration.proto",
            ],
            &["proto"],
        )
}
