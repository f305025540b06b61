//! Snapshots for those who start from them elsewhere.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use prebuilds::v1::PrebuildPhase;
use tonic::Status;
use uuid::Uuid;

use super::plain::{Refusal, caller, prebuild_id};
use crate::api::{Api, internal, no_snapshot};
use crate::snapshot::{SnapshotError, Snapshots};

#[derive(Clone)]
struct Shelf {
    api: Api,
    snapshots: Snapshots,
}

pub(super) fn routes(api: &Api, snapshots: Snapshots) -> Router {
    Router::new()
        .route("/prebuilds/{id}/snapshot", get(archive))
        .route("/prebuilds/{id}/snapshot/manifest", get(manifest))
        .with_state(Shelf {
            api: api.clone(),
            snapshots,
        })
}

impl Shelf {
    /// The id of a prebuild that the caller may see and that has a snapshot.
    async fn completed(&self, headers: &HeaderMap, id: &str) -> Result<Uuid, Refusal> {
        let caller = caller(&self.api, headers).await?;
        let id = prebuild_id(id)?;
        let prebuild = self
            .api
            .store
            .get_prebuild(caller.organization_id, id)
            .await?;
        match prebuild.phase {
            PrebuildPhase::Completed => Ok(id),
            phase => Err(no_snapshot(phase).into()),
        }
    }
}

async fn archive(
    State(shelf): State<Shelf>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = shelf.completed(&headers, &id).await?;
    let archive = shelf.snapshots.archive(id).await.map_err(failed)?;
    let size = archive.manifest.archive.size_bytes;
    let mut response = Response::new(Body::from_stream(archive.bytes));
    let headers = response.headers_mut();
    let zstd = HeaderValue::from_static("application/zstd");
    headers.insert(header::CONTENT_TYPE, zstd);
    headers.insert(header::CONTENT_LENGTH, size.into());
    Ok(response)
}

async fn manifest(
    State(shelf): State<Shelf>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = shelf.completed(&headers, &id).await?;
    let found = shelf.snapshots.manifest(id).await.map_err(failed)?;
    let manifest = found.ok_or_else(|| failed(SnapshotError::Missing(id)))?;
    let json = manifest.to_json().map_err(failed)?;
    let mut response = Response::new(Body::from(json));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

fn failed(error: SnapshotError) -> Refusal {
    match error {
        // It was deleted after the row was read.
        SnapshotError::Missing(_) => Status::not_found("the snapshot is gone").into(),
        error => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot send a snapshot"
            );
            internal().into()
        }
    }
}
