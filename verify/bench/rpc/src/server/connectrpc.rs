//! The crate `connectrpc`, with the server that it brings.

use bench_rpc::connectrpc::bench::v1;
use bench_rpc::text as t;
use buffa::{EnumValue, MessageField};
use buffa_types::google::protobuf::{Duration, Timestamp};
use connectrpc::{
    ConnectRpcService, InboundStream, RequestContext, Response, Server, ServiceRequest,
    ServiceResult, ServiceStream,
};
use futures::stream::{self, StreamExt as _};
use tokio::net::TcpListener;

use crate::BoxError;

use v1::{
    BenchService, BenchServiceServer, GetPrebuildRequest, GetPrebuildResponse,
    PushPrebuildsResponse, WatchPrebuildRequest,
};

pub(crate) async fn serve(listener: TcpListener) -> Result<(), BoxError> {
    let service = ConnectRpcService::new(BenchServiceServer::new(Bench));
    Server::from_listener(listener)
        .serve_with_service(service)
        .await
}

struct Bench;

// The trait says `impl Encodable<…>`; the message itself is the plainest of these.
#[allow(refining_impl_trait)]
impl BenchService for Bench {
    async fn get_prebuild(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, GetPrebuildRequest>,
    ) -> ServiceResult<GetPrebuildResponse> {
        Response::ok(response())
    }

    async fn watch_prebuild(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, WatchPrebuildRequest>,
    ) -> ServiceResult<ServiceStream<GetPrebuildResponse>> {
        let count = request.count;
        Response::ok(stream::iter(0..count).map(|_| Ok(response())).boxed())
    }

    async fn push_prebuilds(
        &self,
        _: RequestContext,
        mut requests: InboundStream<GetPrebuildResponse>,
    ) -> ServiceResult<PushPrebuildsResponse> {
        let mut count = 0;
        while let Some(message) = requests.next().await {
            message?;
            count += 1;
        }
        Response::ok(PushPrebuildsResponse {
            count,
            ..Default::default()
        })
    }
}

/// The same message as everyone's, in this peer's own types.
fn response() -> GetPrebuildResponse {
    let timestamp = |seconds, nanos| {
        MessageField::some(Timestamp {
            seconds,
            nanos,
            ..Default::default()
        })
    };
    let user = || {
        MessageField::some(v1::Subject {
            id: t::USER.to_owned(),
            principal: EnumValue::from(v1::Principal::PRINCIPAL_USER),
            ..Default::default()
        })
    };
    let completed = || EnumValue::from(v1::PrebuildPhase::PREBUILD_PHASE_COMPLETED);
    GetPrebuildResponse {
        prebuild: MessageField::some(v1::Prebuild {
            id: t::PREBUILD.to_owned(),
            metadata: MessageField::some(v1::PrebuildMetadata {
                organization_id: t::ORGANIZATION.to_owned(),
                project_id: t::PROJECT.to_owned(),
                environment_class_id: t::CLASS.to_owned(),
                creator: user(),
                created_at: timestamp(t::CREATED, 0),
                updated_at: timestamp(t::UPDATED, 123_000_000),
                triggered_by: EnumValue::from(v1::PrebuildTrigger::PREBUILD_TRIGGER_MANUAL),
                executor: user(),
                ..Default::default()
            }),
            spec: MessageField::some(v1::PrebuildSpec {
                spec_version: 1,
                desired_phase: completed(),
                timeout: MessageField::some(Duration {
                    seconds: 3600,
                    nanos: 0,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            status: MessageField::some(v1::PrebuildStatus {
                phase: completed(),
                completion_time: timestamp(t::UPDATED, 123_000_000),
                log_url: t::LOG_URL.to_owned(),
                environment_id: t::ENVIRONMENT.to_owned(),
                status_version: 9,
                snapshot_completion_percentage: 100,
                snapshot_size_bytes: 1_234_567_890,
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
