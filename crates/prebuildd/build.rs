//! Compiles the standard services of gRPC that are served beside the API.

fn main() -> Result<(), tonic_connect_build::Error> {
    tonic_connect_build::configure()
        .build_client(false)
        .compile(
            &[
                "proto/grpc/health/v1/health.proto",
                "proto/grpc/reflection/v1/reflection.proto",
                "proto/grpc/reflection/v1alpha/reflection.proto",
            ],
            &["proto"],
        )
}
