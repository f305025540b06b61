//! A server that keeps prebuilds in memory, fails when told to, and counts what it is asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use futures_util::stream::{BoxStream, StreamExt};
use prebuilds::client::Client;
use prebuilds::v1::event_service_connect::EventServiceConnect;
use prebuilds::v1::event_service_server::EventService;
use prebuilds::v1::prebuild_service_connect::PrebuildServiceConnect;
use prebuilds::v1::prebuild_service_server::PrebuildService;
use prebuilds::v1::*;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status, async_trait};
use tonic_connect::transport;

pub(crate) const TOKEN: &str = "the-callers-token";
pub(crate) const LOGS_TOKEN: &str = "the-logs-token";
pub(crate) const SNAPSHOT: &[u8] = b"bytes of a snapshot";

/// How the server's event streams behave, one after the other; the last entry stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    Served,
    Unimplemented,
    /// The stream begins, and ends at once.
    Broken,
}

#[derive(Default)]
struct State {
    prebuilds: Vec<Prebuild>,
    /// Phases that the first prebuild takes on, one after each read.
    script: VecDeque<PrebuildPhase>,
    failures: VecDeque<Status>,
    events: VecDeque<Events>,
    calls: HashMap<&'static str, usize>,
    headers: Vec<(String, HeaderMap)>,
    repeats_page_token: bool,
}

pub(crate) struct Fake {
    state: Mutex<State>,
    changes: broadcast::Sender<String>,
    watches: mpsc::UnboundedSender<()>,
}

pub(crate) struct Running {
    pub(crate) fake: Arc<Fake>,
    pub(crate) url: String,
    /// Gets a message for each stream of events that was opened.
    pub(crate) watched: mpsc::UnboundedReceiver<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::builder()
            .base_url(&self.url)
            .token(TOKEN)
            .build()
            .unwrap()
    }
}

pub(crate) async fn start() -> Running {
    let (watches, watched) = mpsc::unbounded_channel();
    let fake = Arc::new(Fake {
        state: Mutex::default(),
        changes: broadcast::channel(16).0,
        watches,
    });
    let (logs, snapshots) = (Arc::clone(&fake), Arc::clone(&fake));
    let api = Router::new()
        .route_service(
            "/gitpod.v1.PrebuildService/{method}",
            PrebuildServiceConnect::from_arc(Arc::clone(&fake)),
        )
        .route_service(
            "/gitpod.v1.EventService/{method}",
            EventServiceConnect::from_arc(Arc::clone(&fake)),
        )
        .route(
            "/prebuilds/{id}/{*part}",
            get(
                |Path((id, part)): Path<(String, String)>, headers: HeaderMap| async move {
                    snapshots.download(&format!("{id}/{part}"), headers)
                },
            ),
        );
    let app = Router::new().nest("/api", api).route(
        "/logs/{id}",
        get(
            |Path(id): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap| async move {
                let query = query.unwrap_or_default();
                logs.record(&format!("log {id} {query}"), headers);
                format!("log of {id}\n")
            },
        ),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        transport::Server::new()
            .serve(listener, app, std::future::pending())
            .await
            .unwrap();
    });
    Running {
        fake,
        url,
        watched,
        serving,
    }
}

pub(crate) fn prebuild(id: &str, phase: PrebuildPhase) -> Prebuild {
    Prebuild {
        id: id.to_owned(),
        metadata: Some(PrebuildMetadata::default()),
        spec: Some(PrebuildSpec::default()),
        status: Some(PrebuildStatus {
            phase: phase.into(),
            ..PrebuildStatus::default()
        }),
    }
}

/// The UUID that ends in `number`.
pub(crate) fn uuid(number: usize) -> String {
    format!("0193b8a0-0000-7000-8000-{number:012}")
}

impl Fake {
    pub(crate) fn insert(&self, prebuild: Prebuild) {
        self.state.lock().unwrap().prebuilds.push(prebuild);
    }

    pub(crate) fn fail_next(&self, failures: impl IntoIterator<Item = Status>) {
        self.state.lock().unwrap().failures.extend(failures);
    }

    pub(crate) fn script(&self, phases: impl IntoIterator<Item = PrebuildPhase>) {
        self.state.lock().unwrap().script.extend(phases);
    }

    pub(crate) fn events(&self, events: impl IntoIterator<Item = Events>) {
        self.state.lock().unwrap().events.extend(events);
    }

    pub(crate) fn repeat_page_token(&self) {
        self.state.lock().unwrap().repeats_page_token = true;
    }

    pub(crate) fn set_log_url(&self, url: &str) {
        let mut state = self.state.lock().unwrap();
        url.clone_into(&mut state.prebuilds[0].status.as_mut().unwrap().log_url);
    }

    /// Changes the phase of the first prebuild.
    pub(crate) fn set_phase(&self, phase: PrebuildPhase) {
        let mut state = self.state.lock().unwrap();
        let status = state.prebuilds[0].status.as_mut().unwrap();
        status.phase = phase.into();
        status.status_version += 1;
    }

    /// Tells watchers that the first prebuild changed.
    pub(crate) fn announce(&self) {
        let id = self.state.lock().unwrap().prebuilds[0].id.clone();
        self.changes.send(id).unwrap();
    }

    pub(crate) fn calls(&self, method: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.calls.get(method).copied().unwrap_or_default()
    }

    /// The downloads so far: what was asked for, and the headers.
    pub(crate) fn downloads(&self) -> Vec<(String, HeaderMap)> {
        self.state.lock().unwrap().headers.clone()
    }

    fn record(&self, what: &str, headers: HeaderMap) {
        let mut state = self.state.lock().unwrap();
        state.headers.push((what.to_owned(), headers));
    }

    fn download(&self, what: &str, headers: HeaderMap) -> (StatusCode, Vec<u8>) {
        self.record(what, headers);
        match what.split_once('/') {
            Some((id, _)) if id != uuid(1) => (StatusCode::NOT_FOUND, Vec::new()),
            Some((_, "snapshot")) => (StatusCode::OK, SNAPSHOT.to_vec()),
            Some((_, "snapshot/manifest")) => (StatusCode::OK, b"{}".to_vec()),
            _ => (StatusCode::BAD_REQUEST, Vec::new()),
        }
    }

    /// Counts the call, and fails it if it is not allowed or a failure is due.
    fn enter<T>(&self, method: &'static str, request: &Request<T>) -> Result<(), Status> {
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(method).or_default() += 1;
        let authorization = request.metadata().get("authorization");
        if authorization.is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
            return Err(Status::unauthenticated("unknown token"));
        }
        state.failures.pop_front().map_or(Ok(()), Err)
    }

    fn find(&self, id: &str) -> Result<Option<Prebuild>, Status> {
        let mut state = self.state.lock().unwrap();
        let found = state.prebuilds.iter().find(|row| row.id == id).cloned();
        if let Some(phase) = state.script.pop_front() {
            state.prebuilds[0].status.as_mut().unwrap().phase = phase.into();
        }
        found
            .map(Some)
            .ok_or_else(|| Status::not_found("no such prebuild"))
    }
}

#[async_trait]
impl PrebuildService for Fake {
    async fn create_prebuild(
        &self,
        request: Request<CreatePrebuildRequest>,
    ) -> Result<Response<CreatePrebuildResponse>, Status> {
        self.enter("create", &request)?;
        let request = request.into_inner();
        let mut prebuild = prebuild(&uuid(1), PrebuildPhase::Pending);
        prebuild.spec = request.spec;
        let metadata = prebuild.metadata.as_mut().unwrap();
        metadata.project_id = request.project_id;
        metadata.environment_class_id = request.environment_class_id.unwrap_or_default();
        self.insert(prebuild.clone());
        Ok(Response::new(CreatePrebuildResponse {
            prebuild: Some(prebuild),
        }))
    }

    async fn list_prebuilds(
        &self,
        request: Request<ListPrebuildsRequest>,
    ) -> Result<Response<ListPrebuildsResponse>, Status> {
        self.enter("list", &request)?;
        let state = self.state.lock().unwrap();
        let page = request.into_inner().pagination.unwrap_or_default();
        let begin: usize = page.token.parse().unwrap_or_default();
        let end = (begin + page.page_size as usize).min(state.prebuilds.len());
        let next_token = match end {
            _ if state.repeats_page_token => "7".to_owned(),
            end if end < state.prebuilds.len() => end.to_string(),
            _ => String::new(),
        };
        Ok(Response::new(ListPrebuildsResponse {
            pagination: Some(PaginationResponse { next_token }),
            prebuilds: state.prebuilds[begin..end].to_vec(),
        }))
    }

    async fn get_prebuild(
        &self,
        request: Request<GetPrebuildRequest>,
    ) -> Result<Response<GetPrebuildResponse>, Status> {
        self.enter("get", &request)?;
        let prebuild = self.find(&request.into_inner().prebuild_id)?;
        Ok(Response::new(GetPrebuildResponse { prebuild }))
    }

    async fn cancel_prebuild(
        &self,
        request: Request<CancelPrebuildRequest>,
    ) -> Result<Response<CancelPrebuildResponse>, Status> {
        self.enter("cancel", &request)?;
        self.set_phase(PrebuildPhase::Cancelling);
        let prebuild = self.find(&request.into_inner().prebuild_id)?;
        Ok(Response::new(CancelPrebuildResponse { prebuild }))
    }

    async fn delete_prebuild(
        &self,
        request: Request<DeletePrebuildRequest>,
    ) -> Result<Response<DeletePrebuildResponse>, Status> {
        self.enter("delete", &request)?;
        self.find(&request.into_inner().prebuild_id)?;
        Ok(Response::new(DeletePrebuildResponse {}))
    }

    async fn create_prebuild_logs_token(
        &self,
        request: Request<CreatePrebuildLogsTokenRequest>,
    ) -> Result<Response<CreatePrebuildLogsTokenResponse>, Status> {
        self.enter("logs token", &request)?;
        Ok(Response::new(CreatePrebuildLogsTokenResponse {
            access_token: LOGS_TOKEN.to_owned(),
        }))
    }

    /// Never answers.
    async fn get_warm_pool(
        &self,
        request: Request<GetWarmPoolRequest>,
    ) -> Result<Response<GetWarmPoolResponse>, Status> {
        self.enter("get warm pool", &request)?;
        std::future::pending().await
    }

    async fn create_warm_pool(
        &self,
        request: Request<CreateWarmPoolRequest>,
    ) -> Result<Response<CreateWarmPoolResponse>, Status> {
        self.enter("create warm pool", &request)?;
        Ok(Response::new(CreateWarmPoolResponse::default()))
    }

    async fn list_warm_pools(
        &self,
        _: Request<ListWarmPoolsRequest>,
    ) -> Result<Response<ListWarmPoolsResponse>, Status> {
        Err(Status::unimplemented("no warm pools"))
    }

    async fn update_warm_pool(
        &self,
        _: Request<UpdateWarmPoolRequest>,
    ) -> Result<Response<UpdateWarmPoolResponse>, Status> {
        Err(Status::unimplemented("no warm pools"))
    }

    async fn delete_warm_pool(
        &self,
        _: Request<DeleteWarmPoolRequest>,
    ) -> Result<Response<DeleteWarmPoolResponse>, Status> {
        Err(Status::unimplemented("no warm pools"))
    }
}

#[async_trait]
impl EventService for Fake {
    type WatchEventsStream = BoxStream<'static, Result<WatchEventsResponse, Status>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        // Not `enter`: failures are meant for the calls under test.
        let mode = {
            let mut state = self.state.lock().unwrap();
            match state.events.len() {
                0 => Events::Served,
                1 => state.events[0],
                _ => state.events.pop_front().unwrap(),
            }
        };
        let wanted = request.into_inner().resource_type_filters.remove(0);
        assert_eq!(wanted.resource_type(), ResourceType::Prebuild);
        let stream = match mode {
            Events::Unimplemented => return Err(Status::unimplemented("no events")),
            Events::Broken => futures_util::stream::empty().boxed(),
            Events::Served => BroadcastStream::new(self.changes.subscribe())
                .filter_map(move |id| {
                    let id = id.unwrap();
                    let event =
                        wanted
                            .resource_ids
                            .contains(&id)
                            .then_some(Ok(WatchEventsResponse {
                                operation: ResourceOperation::UpdateStatus.into(),
                                resource_type: ResourceType::Prebuild.into(),
                                resource_id: id,
                            }));
                    async { event }
                })
                .boxed(),
        };
        let _ = self.watches.send(());
        Ok(Response::new(stream))
    }
}
