//! The values of the message's fields, for those who build it as another type.

/// The prebuild's id.
pub const PREBUILD: &str = "01932b4e-8f5a-7c31-9d2e-4b6a8c0e1f23";
/// Who owns it.
pub const ORGANIZATION: &str = "0191e1c5-52c1-7ab1-8a4e-2f3b4c5d6e7f";
/// What was prebuilt.
pub const PROJECT: &str = "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b";
/// On which machine.
pub const CLASS: &str = "0190f0e1-d2c3-7b4a-9586-776859403122";
/// By whom.
pub const USER: &str = "0191aaaa-bbbb-7ccc-8ddd-eeeeffff0001";
/// In which environment.
pub const ENVIRONMENT: &str = "01932b4f-0a1b-7c2d-8e3f-4a5b6c7d8e9f";
/// Where its log is.
pub const LOG_URL: &str = "https://logs.example.com/v1/prebuilds/01932b4e/log?t=1";
/// When it was created, in seconds of the Unix epoch.
pub const CREATED: i64 = 1_780_000_000;
/// When it last changed.
pub const UPDATED: i64 = 1_780_000_600;
