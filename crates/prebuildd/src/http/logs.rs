//! The log of a prebuild as text.
//!
//! Whoever asks before the first line is written waits for it; whoever follows gets each line when
//! it is written, and the end when the log has ended.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use url::form_urlencoded;
use uuid::Uuid;

use super::plain::{Refusal, prebuild_id};
use crate::api::{Api, bearer, unauthenticated};
use crate::domain::Prebuild;
use crate::logs::{Logs, RefusedToken};

/// How long to wait for a change of a row before it is read anyway: another process may have
/// written it, of which this one's feed does not tell.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;

#[derive(Clone)]
struct Shelf {
    api: Api,
    logs: Logs,
}

pub(super) fn routes(api: &Api, logs: Logs) -> Router {
    Router::new()
        .route("/logs/{id}", get(log))
        .with_state(Shelf {
            api: api.clone(),
            logs,
        })
}

async fn log(
    State(shelf): State<Shelf>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let token = bearer(&headers)?;
    let id = prebuild_id(&id);
    let organization_id = shelf.organization(token, id.as_ref().ok()).await?;
    let id = id?;
    let follow = follow(query.as_deref().unwrap_or_default())?;
    let changes = shelf.api.store.subscribe();
    let prebuild = shelf.api.store.get_prebuild(organization_id, id).await?;

    let (shutdown, open) = (shelf.api.shutdown.clone(), shelf.api.streams.token());
    let bytes: BoxStream<'static, io::Result<Bytes>> = if shelf.logs.exists(id) {
        if follow {
            shelf.logs.follow(id, 0).boxed()
        } else {
            written(shelf.logs, id).boxed()
        }
    } else if prebuild.environment_id.is_some() && prebuild.phase.has_ended() {
        return Err(Status::not_found("the log of the prebuild is gone").into());
    } else if follow {
        let first = async move {
            match shelf.begun(prebuild, changes).await {
                Ok(true) => shelf.logs.follow(id, 0).boxed(),
                Ok(false) => stream::empty().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(first).flatten().boxed()
    } else {
        stream::empty().boxed()
    };
    let bytes = until_shutdown(bytes, shutdown, open);
    Ok(response(Body::from_stream(bytes)))
}

/// A log that is cut short by the end of the server ends with an error: a reader takes what ends
/// without one for the whole.
fn until_shutdown(
    bytes: BoxStream<'static, io::Result<Bytes>>,
    shutdown: CancellationToken,
    open: TaskTrackerToken,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((bytes, shutdown, open)), |log| async move {
        let (mut bytes, shutdown, open) = log?;
        tokio::select! {
            biased;
            item = bytes.next() => Some((item?, Some((bytes, shutdown, open)))),
            () = shutdown.cancelled() => {
                Some((Err(io::Error::other("the server is shutting down: read again")), None))
            }
        }
    })
}

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        // A log may hold anything: no browser shall take it for a page.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies shall not keep lines back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

impl Shelf {
    /// The organization whose logs `token` opens: its caller's, or that of a logs token for `id`.
    async fn organization(&self, token: &str, id: Option<&Uuid>) -> Result<Uuid, Refusal> {
        let tokens = &self.api.log_tokens;
        let verified = match id {
            Some(id) => tokens.verify(token, *id, Timestamp::now()),
            None => Err(RefusedToken::Invalid),
        };
        match verified {
            Ok(organization_id) => Ok(organization_id),
            Err(RefusedToken::Invalid) => Ok(self.api.authenticate(token).await?.organization_id),
            Err(refused) => Err(unauthenticated(refused.to_string()).into()),
        }
    }

    /// Waits until the prebuild has a log; `false` if it ended without one.
    async fn begun(
        &self,
        mut prebuild: Prebuild,
        mut changes: tokio::sync::broadcast::Receiver<crate::store::Change>,
    ) -> io::Result<bool> {
        loop {
            if self.logs.exists(prebuild.id) {
                return Ok(true);
            }
            if prebuild.phase.has_ended() {
                return Ok(false);
            }
            let changed = async {
                loop {
                    match changes.recv().await {
                        Ok(change) if change.id != prebuild.id => {}
                        Ok(_) | Err(RecvError::Lagged(_)) => return,
                        // The store is closing: only time can tell.
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            // Whichever comes first: both mean to look.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
            let store = &self.api.store;
            prebuild = store
                .get_prebuild(prebuild.organization_id, prebuild.id)
                .await
                .map_err(io::Error::other)?;
        }
    }
}

/// What has been written of a log.
fn written(logs: Logs, id: Uuid) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((logs, 0), move |(logs, offset)| async move {
        let bytes = logs.read(id, offset, CHUNK).await?;
        let next = offset + bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some((bytes, (logs, next))))
    })
}

/// Whether the query asks to follow, which it does unless it says otherwise.
fn follow(query: &str) -> Result<bool, Refusal> {
    let value = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "follow");
    match value.as_ref().map(|(_, value)| &**value) {
        None | Some("" | "true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            Err(Status::invalid_argument(format!(
                "query parameter follow: {other:?} is neither true nor false"
            ))
            .into())
        }
    }
}
