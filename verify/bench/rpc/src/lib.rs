//! What servers, clients and load share: the compiled schema, and the one message that every contestant answers with.

/// `bench.v1` as prost messages, with tonic's service and ours.
#[allow(clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/bench.v1.rs"));
}

pub mod account;
pub mod text;

/// `bench.v1` as the crate `connectrpc` has it.
#[allow(clippy::all, dead_code, missing_docs)]
pub mod connectrpc {
    include!(concat!(env!("OUT_DIR"), "/connectrpc/mod.rs"));
}

use text as t;

/// The path of each method.
pub mod path {
    /// One message for one message.
    pub const UNARY: &str = "/bench.v1.BenchService/GetPrebuild";
    /// A stream of responses.
    pub const SERVER_STREAM: &str = "/bench.v1.BenchService/WatchPrebuild";
    /// A stream of requests.
    pub const CLIENT_STREAM: &str = "/bench.v1.BenchService/PushPrebuilds";
}

/// The response of a read: 396 bytes in protobuf, built field by field as a handler does it.
#[must_use]
pub fn response() -> v1::GetPrebuildResponse {
    let timestamp = |seconds, nanos| Some(pbjson_wkt::Timestamp { seconds, nanos });
    let user = || {
        Some(v1::Subject {
            id: t::USER.to_owned(),
            principal: v1::Principal::User.into(),
        })
    };
    let completed = v1::PrebuildPhase::Completed.into();
    v1::GetPrebuildResponse {
        prebuild: Some(v1::Prebuild {
            id: t::PREBUILD.to_owned(),
            metadata: Some(v1::PrebuildMetadata {
                organization_id: t::ORGANIZATION.to_owned(),
                project_id: t::PROJECT.to_owned(),
                environment_class_id: t::CLASS.to_owned(),
                creator: user(),
                created_at: timestamp(t::CREATED, 0),
                updated_at: timestamp(t::UPDATED, 123_000_000),
                triggered_by: v1::PrebuildTrigger::Manual.into(),
                executor: user(),
            }),
            spec: Some(v1::PrebuildSpec {
                spec_version: 1,
                desired_phase: completed,
                timeout: Some(pbjson_wkt::Duration {
                    seconds: 3600,
                    nanos: 0,
                }),
            }),
            status: Some(v1::PrebuildStatus {
                phase: completed,
                completion_time: timestamp(t::UPDATED, 123_000_000),
                failure_message: String::new(),
                log_url: t::LOG_URL.to_owned(),
                environment_id: t::ENVIRONMENT.to_owned(),
                status_version: 9,
                warning_message: String::new(),
                snapshot_completion_percentage: 100,
                snapshot_size_bytes: 1_234_567_890,
            }),
        }),
    }
}
