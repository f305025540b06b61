//! gRPC reflection, so that `grpcurl` and `buf curl` can call the API without its `.proto` files.
//!
//! It needs no token: the schema is public, and the same on every server.

use axum::Router;
use tonic_reflection::server::Builder;

use super::MAX_OPEN_REQUEST_BYTES;

/// The current version and the one before it, which older tools ask for.
pub(super) fn routes() -> Router {
    let schema = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(prebuilds::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (schema().build_v1(), schema().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => Router::new()
            .route_service(
                "/grpc.reflection.v1.ServerReflection/{method}",
                v1.max_decoding_message_size(MAX_OPEN_REQUEST_BYTES),
            )
            .route_service(
                "/grpc.reflection.v1alpha.ServerReflection/{method}",
                v1alpha.max_decoding_message_size(MAX_OPEN_REQUEST_BYTES),
            ),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "serving without reflection: the compiled schema is broken");
            Router::new()
        }
    }
}
