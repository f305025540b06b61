//! google.protobuf well-known types for prost, with exact ProtoJSON.
