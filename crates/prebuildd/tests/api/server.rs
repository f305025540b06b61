//! A server on a port of its own, two organizations in its store, and the least client.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use prebuildd::api::Api;
use prebuildd::domain::{Prebuild, StatusUpdate, Subject, Token, TokenHash, new_id};
use prebuildd::logs::{LogTokens, Logs};
use prebuildd::snapshot::Snapshots;
use prebuildd::store::sqlite::SqliteStore;
use prebuildd::store::{Store, Work};
use prebuilds::v1::Principal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic_connect::server::Options;
use tonic_connect::transport;
use uuid::Uuid;

pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) logs: Logs,
    pub(crate) log_tokens: LogTokens,
    pub(crate) snapshots: Snapshots,
    pub(crate) shutdown: CancellationToken,
    pub(crate) organization: Uuid,
    pub(crate) subject: Subject,
    pub(crate) dir: TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The caller's token.
pub(crate) const TOKEN: &str = "alice";
/// A token of the same organization that may only read.
pub(crate) const READER: &str = "alice-reads";
/// A token of another organization.
pub(crate) const STRANGER: &str = "mallory";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, message: &str) {
        let body = self.json();
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(body["code"], code, "{}", self.text());
        let said = body["message"].as_str().unwrap();
        assert!(said.contains(message), "{said:?} lacks {message:?}");
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let store = SqliteStore::open(&dir.path().join("store.sqlite"), now)
            .await
            .unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let organization = store.ensure_organization("acme", now).await.unwrap().id;
        let other = store.ensure_organization("other", now).await.unwrap().id;
        let user = |number| Subject {
            id: Uuid::from_u128(number),
            principal: Principal::User,
        };
        for (secret, organization_id, subject, read_only) in [
            (TOKEN, organization, user(1), false),
            (READER, organization, user(2), true),
            (STRANGER, other, user(3), false),
        ] {
            let token = Token {
                id: new_id(now),
                name: secret.to_owned(),
                hash: TokenHash::of(secret),
                organization_id,
                subject,
                read_only,
                created_at: now,
                revoked_at: None,
            };
            store.create_token(&token).await.unwrap();
        }
        let logs = Logs::open(dir.path().join("logs")).unwrap();
        let snapshots = Snapshots::local(dir.path().join("snapshots")).unwrap();
        let log_tokens = LogTokens::new(&[7; 32]);
        let shutdown = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let api = Api::new(
            Arc::clone(&store),
            log_tokens.clone(),
            &base,
            shutdown.clone(),
        );
        let router =
            prebuildd::http::router(api, logs.clone(), snapshots.clone(), Options::default());
        let ended = shutdown.clone().cancelled_owned();
        tokio::spawn(transport::Server::new().serve(listener, router, ended));
        Self {
            base,
            store,
            logs,
            log_tokens,
            snapshots,
            shutdown,
            organization,
            subject: user(1),
            dir,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The head of the answer; its body comes as it is written.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<hyper::body::Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.client.request(request).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let (head, body) = self.open(method, path, headers, body).await.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// A call as clients of the 0.x family make it: plain JSON. `method` is `SERVICE/METHOD`,
    /// perhaps with a query.
    pub(crate) async fn call_as(&self, token: &str, method: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/json"),
            (header::AUTHORIZATION.as_str(), authorization.as_str()),
        ];
        let path = format!("/gitpod.v1.{method}");
        self.send(Method::POST, &path, &headers, body.to_string())
            .await
    }

    pub(crate) async fn call(&self, method: &str, body: Value) -> Answer {
        self.call_as(TOKEN, method, body).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        self.send(Method::GET, path, &headers, "").await
    }

    /// A project; its id.
    pub(crate) async fn project(&self) -> String {
        let project = self
            .call(
                "ProjectService/CreateProject",
                json!({"name": "app", "initializer": {"specs": [
                    {"git": {"remoteUri": "https://example.com/app.git"}}
                ]}}),
            )
            .await
            .ok();
        project["project"]["id"].as_str().unwrap().to_owned()
    }

    /// A prebuild of a project; its id.
    pub(crate) async fn prebuild(&self, project: &str) -> String {
        let prebuild = self
            .call(
                "PrebuildService/CreatePrebuild",
                json!({"projectId": project, "spec": {}}),
            )
            .await
            .ok();
        prebuild["prebuild"]["id"].as_str().unwrap().to_owned()
    }

    /// Reports on a prebuild, as its maker would.
    pub(crate) async fn report(&self, id: &str, updates: &[StatusUpdate]) -> Prebuild {
        let id: Uuid = id.parse().unwrap();
        let now = Timestamp::now();
        let lease = std::time::Duration::from_secs(60);
        let owner = new_id(now);
        let mut claimed = Vec::new();
        for work in [Work::Build, Work::End] {
            let rows = self
                .store
                .claim(work, owner, now, lease, 100)
                .await
                .unwrap();
            claimed.extend(rows);
        }
        let mut row = claimed.into_iter().find(|row| row.id == id).unwrap();
        for update in updates {
            row = self
                .store
                .update_status(id, row.epoch, row.status_version, update.clone(), now)
                .await
                .unwrap();
        }
        self.store.release(id, row.epoch).await.unwrap();
        row
    }
}

/// The way of a prebuild to its end.
pub(crate) fn updates_to_completed() -> Vec<StatusUpdate> {
    use prebuilds::v1::PrebuildPhase::{Running, Snapshotting, Stopping};
    vec![
        StatusUpdate::BeginAttempt {
            environment_id: Uuid::from_u128(7),
        },
        StatusUpdate::Advance(Running),
        StatusUpdate::Advance(Stopping),
        StatusUpdate::Advance(Snapshotting),
        StatusUpdate::Complete {
            snapshot_size_bytes: 42,
        },
    ]
}
