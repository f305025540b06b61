//! Build-time generator: .proto files to prost messages, tonic stubs, JSON and Connect services, without protoc.
