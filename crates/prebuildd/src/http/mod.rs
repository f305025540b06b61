//! Everything that the server answers over HTTP, under `/` and under `/api/`: the services of the
//! API in every protocol, logs, snapshots, the schema, and a sign of life.
//!
//! Who calls is found out from the request's head, before a byte of its body is read: strangers can
//! make the server do one look-up, and nothing else.

mod health;
mod logs;
mod plain;
mod reflection;
mod rpc;
mod snapshots;
mod standard;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tonic_connect::server::Options;

use crate::api::Api;
use crate::logs::Logs;
use crate::snapshot::Snapshots;

/// The largest message that the services read which need no token; a service's name has to fit.
const MAX_OPEN_REQUEST_BYTES: usize = 16 * 1024;

/// The whole server as one service. `options` bound the calls of the API; event streams are calls
/// too, so a deadline there ends them.
///
/// | path | what |
/// |---|---|
/// | `POST /gitpod.v1.SERVICE/METHOD` | the API: Connect, gRPC, gRPC-Web; GET for reads over Connect |
/// | `GET /logs/ID` | the log of a prebuild as text, followed to its end; `?follow=false`: what is there |
/// | `GET /prebuilds/ID/snapshot` | the archive of a completed prebuild's snapshot |
/// | `GET /prebuilds/ID/snapshot/manifest` | its manifest, as JSON |
/// | `POST /grpc.reflection.v1.ServerReflection/METHOD` | the schema, for tools; also `v1alpha` |
/// | `POST /grpc.health.v1.Health/METHOD` | whether the server serves or ends |
/// | `GET /healthz` | `ok` |
pub fn router(api: Api, logs: Logs, snapshots: Snapshots, options: Options) -> Router {
    let shutdown = api.shutdown.clone();
    let open = options.clone().max_request_bytes(MAX_OPEN_REQUEST_BYTES);
    let paths = rpc::routes(&api, options)
        .merge(health::routes(&rpc::SERVICES, shutdown.clone(), &open))
        .merge(reflection::routes(shutdown, &open))
        .merge(logs::routes(&api, logs))
        .merge(snapshots::routes(&api, snapshots))
        .route("/healthz", get(|| async { "ok\n" }));
    Router::new()
        .merge(paths.clone())
        .nest("/api", paths)
        .fallback(not_found)
}

async fn not_found(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    (
        StatusCode::NOT_FOUND,
        format!("{path} does not exist on this server\n"),
    )
        .into_response()
}
