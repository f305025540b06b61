//! Compiles the schema that all peers share.

fn main() -> Result<(), tonic_connect_build::Error> {
    tonic_connect_build::configure().compile(&["../proto/echo/v1/echo.proto"], &["../proto"])
}
