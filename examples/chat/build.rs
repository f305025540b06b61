//! Compiles `proto/` into messages with JSON and validation, tonic's client and server, and `ChatServiceConnect`.

fn main() -> Result<(), tonic_connect_build::Error> {
    tonic_connect_build::configure().compile(&["proto/chat/v1/chat.proto"], &["proto"])
}
