//! What bad input gets: HTTP status, code, and a message that says what to do.

use axum::http::Method;
use jiff::Timestamp;
use prebuilds::v1::prebuild_service_client::PrebuildServiceClient;
use prebuilds::v1::{CreatePrebuildRequest, GetPrebuildRequest, PrebuildSpec};
use serde_json::{Value, json};
use tonic::Code;
use tonic_connect::{Channel, Protocol};

use crate::server::{READER, STRANGER, Server, TOKEN, updates_to_completed};

const CREATE: &str = "PrebuildService/CreatePrebuild";
const GET: &str = "PrebuildService/GetPrebuild";
const LIST: &str = "PrebuildService/ListPrebuilds";
const CREATE_PROJECT: &str = "ProjectService/CreateProject";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_with_the_remedy() {
    let server = Server::start().await;
    let id = server.project().await;
    let unknown = "0192f0a0-0000-7000-8000-000000000000";
    let create = |timeout: &str| json!({"projectId": id, "spec": {"timeout": timeout}});
    let project = |spec: Value| json!({"name": "app", "initializer": {"specs": [spec]}});
    let git = |git: Value| project(json!({"git": git}));
    let list = |filter: Value| json!({"filter": filter});
    for (method, body, status, code, message) in [
        (
            CREATE,
            json!({"projectId": 7, "spec": {}}),
            400,
            "invalid_argument",
            "projectId",
        ),
        (
            CREATE,
            json!({"spec": {}}),
            400,
            "invalid_argument",
            "project_id",
        ),
        (
            CREATE,
            json!({"projectId": "x", "spec": {}}),
            400,
            "invalid_argument",
            "project_id",
        ),
        (
            CREATE,
            json!({"projectId": id}),
            400,
            "invalid_argument",
            "spec",
        ),
        (
            CREATE,
            create("299s"),
            400,
            "invalid_argument",
            "spec.timeout: timeout 4m59s is below the minimum of 5m",
        ),
        (
            CREATE,
            create("7201s"),
            400,
            "invalid_argument",
            "spec.timeout: timeout 2h0m1s is above the maximum of 2h",
        ),
        (
            CREATE,
            create("-1s"),
            400,
            "invalid_argument",
            "spec.timeout",
        ),
        (
            CREATE,
            create("1h"),
            400,
            "invalid_argument",
            "spec.timeout",
        ),
        (
            CREATE,
            json!({"projectId": unknown, "spec": {}}),
            404,
            "not_found",
            "project not found",
        ),
        (
            CREATE,
            json!({"projectId": id, "environmentClassId": unknown, "spec": {}}),
            400,
            "failed_precondition",
            unknown,
        ),
        (
            GET,
            json!({"prebuildId": unknown}),
            404,
            "not_found",
            "prebuild not found",
        ),
        (GET, json!({}), 400, "invalid_argument", "prebuild_id"),
        (
            LIST,
            list(json!({"phases": ["PREBUILD_PHASE_ASLEEP"]})),
            400,
            "invalid_argument",
            "PREBUILD_PHASE_ASLEEP",
        ),
        (
            LIST,
            list(json!({"phases": [7]})),
            400,
            "invalid_argument",
            "filter.phases[0]",
        ),
        (
            LIST,
            json!({"pagination": {"pageSize": 101}}),
            400,
            "invalid_argument",
            "page_size",
        ),
        (
            LIST,
            json!({"pagination": {"token": "x"}}),
            400,
            "invalid_argument",
            "pagination.token",
        ),
        (
            LIST,
            json!({"pagination": {"token": "ü/+"}}),
            400,
            "invalid_argument",
            "pagination.token",
        ),
        (
            "PrebuildService/GetWarmPool",
            json!({"warmPoolId": unknown}),
            501,
            "unimplemented",
            "no warm pools",
        ),
        (
            CREATE_PROJECT,
            json!({"name": "app"}),
            400,
            "invalid_argument",
            "initializer",
        ),
        (
            CREATE_PROJECT,
            json!({"name": "app", "initializer": {}}),
            400,
            "invalid_argument",
            "initializer.specs: has 0 entries",
        ),
        (
            CREATE_PROJECT,
            git(json!({"remoteUri": "../app"})),
            400,
            "invalid_argument",
            "initializer.specs[0].git.remote_uri: repository \"../app\"",
        ),
        (
            CREATE_PROJECT,
            git(json!({"remoteUri": "/srv/app", "cloneTarget": "main"})),
            400,
            "invalid_argument",
            "use REMOTE_BRANCH",
        ),
        (
            CREATE_PROJECT,
            git(json!({"remoteUri": "/srv/app", "targetMode": 3, "cloneTarget": "-x"})),
            400,
            "invalid_argument",
            "initializer.specs[0].git.clone_target",
        ),
        (
            CREATE_PROJECT,
            project(json!({"contextUrl": {"url": "ext::sh"}})),
            400,
            "invalid_argument",
            "initializer.specs[0].context_url.url",
        ),
        (
            "ProjectService/ListProjects",
            json!({"sort": {"field": "colour"}}),
            400,
            "invalid_argument",
            "use name or created_at",
        ),
    ] {
        let answer = server.call(method, body.clone()).await;
        println!("{method} {body}: {}", answer.text());
        answer.refused(status, code, message);
        // Clients that repeat failed calls by themselves go by the status.
        let repeat = answer.headers.get("x-should-retry");
        assert_eq!(repeat.is_some_and(|value| value == "false"), status == 501);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_in_a_url_is_not_repeated() {
    let server = Server::start().await;
    let uri = "https://git:hunter2@example.com/app";
    let answer = server
        .call(
            CREATE_PROJECT,
            json!({"name": "app", "initializer": {"specs": [{"git": {"remoteUri": uri}}]}}),
        )
        .await;
    answer.refused(400, "invalid_argument", "git.remote_uri");
    assert!(!answer.text().contains("hunter2"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_cannot_be_read_are_refused() {
    let server = Server::start().await;
    let huge = vec![b' '; 20 * 1024 * 1024];
    // A length-delimited field that ends before its length.
    let truncated = vec![0x0a, 0x24, b'a'];
    for (content_type, body, status, code, message) in [
        (
            "application/json",
            b"{\"projectId\":".to_vec(),
            400,
            "invalid_argument",
            "",
        ),
        (
            "application/json",
            b"\xff\xfe".to_vec(),
            400,
            "invalid_argument",
            "",
        ),
        ("application/proto", truncated, 400, "invalid_argument", ""),
        (
            "application/json",
            huge,
            429,
            "resource_exhausted",
            "20971520 bytes is over the limit",
        ),
    ] {
        let headers = [
            ("content-type", content_type),
            ("authorization", "Bearer alice"),
        ];
        let path = format!("/gitpod.v1.{CREATE}");
        let answer = server.send(Method::POST, &path, &headers, body).await;
        answer.refused(status, code, message);
        if status == 429 {
            assert_eq!(answer.headers["x-should-retry"], "false");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_known_gets_nothing() {
    let server = Server::start().await;
    let prebuild = server.prebuild(&server.project().await).await;
    let missing = "send one header Authorization: Bearer TOKEN";
    for (authorization, message) in [
        (None, missing),
        (Some("Bearer "), missing),
        (Some("Bearer wrong"), "not valid, or was revoked"),
        (Some("Basic YWxpY2U6"), missing),
        (Some("alice"), missing),
        (Some("Bearer \u{ff}"), missing),
    ] {
        for path in [
            format!("/gitpod.v1.{CREATE}"),
            format!("/api/gitpod.v1.{GET}"),
            "/gitpod.v1.IdentityService/GetAuthenticatedIdentity".to_owned(),
            "/gitpod.v1.PrebuildService/ListWarmPools".to_owned(),
            "/gitpod.v1.PrebuildService/NoSuchMethod".to_owned(),
        ] {
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(authorization.map(|value| ("authorization", value)));
            // Refused for the head, before anything of the body matters.
            let answer = server.send(Method::POST, &path, &headers, "{broken").await;
            answer.refused(401, "unauthenticated", message);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        for path in [
            format!("/logs/{prebuild}"),
            "/logs/x".to_owned(),
            format!("/prebuilds/{prebuild}/snapshot"),
        ] {
            let headers: Vec<_> = authorization
                .map(|value| ("authorization", value))
                .into_iter()
                .collect();
            let answer = server.send(Method::GET, &path, &headers, "").await;
            assert_eq!(answer.status, 401, "{path} {authorization:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_a_lot_still_hears_why_it_is_refused() {
    let server = Server::start().await;
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer wrong"),
    ];
    let path = format!("/gitpod.v1.{CREATE}");
    for _ in 0..4 {
        let body = vec![b' '; 20 * 1024 * 1024];
        let answer = server.send(Method::POST, &path, &headers, body).await;
        answer.refused(401, "unauthenticated", "not valid");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_opens_nothing() {
    let server = Server::start().await;
    let identity = "IdentityService/GetAuthenticatedIdentity";
    let who = server.call(identity, json!({})).await.ok();
    assert_eq!(who["organizationId"], server.organization.to_string());
    assert_eq!(who["subject"]["id"], server.subject.id.to_string());
    assert_eq!(who["subject"]["principal"], "PRINCIPAL_USER");

    let tokens = server.store.list_tokens(server.organization).await.unwrap();
    let token = tokens.iter().find(|token| token.name == TOKEN).unwrap();
    server
        .store
        .revoke_token(server.organization, token.id, Timestamp::now())
        .await
        .unwrap();
    let answer = server.call(identity, json!({})).await;
    answer.refused(401, "unauthenticated", "prebuilds token create");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_token_reads_and_does_not_write() {
    let server = Server::start().await;
    let project = server.project().await;
    let prebuild = server.prebuild(&project).await;
    let of_prebuild = json!({"prebuildId": prebuild});
    for (method, body) in [
        (CREATE, json!({"projectId": project, "spec": {}})),
        ("PrebuildService/CancelPrebuild", of_prebuild.clone()),
        ("PrebuildService/DeletePrebuild", of_prebuild.clone()),
        ("PrebuildService/CreateWarmPool", json!({})),
        (CREATE_PROJECT, json!({"name": "x"})),
        (
            "ProjectService/UpdateProject",
            json!({"projectId": project, "name": "x"}),
        ),
        (
            "ProjectService/DeleteProject",
            json!({"projectId": project}),
        ),
    ] {
        let answer = server.call_as(READER, method, body).await;
        answer.refused(403, "permission_denied", "read-only");
    }
    for (method, body) in [
        (GET, of_prebuild.clone()),
        (LIST, json!({})),
        ("PrebuildService/CreatePrebuildLogsToken", of_prebuild),
        ("ProjectService/GetProject", json!({"projectId": project})),
        ("ProjectService/ListProjects", json!({})),
        (
            "RunnerConfigurationService/ListEnvironmentClasses",
            json!({}),
        ),
    ] {
        server.call_as(READER, method, body).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_ended_cannot_be_cancelled() {
    let server = Server::start().await;
    let prebuild = server.prebuild(&server.project().await).await;
    server.report(&prebuild, &updates_to_completed()).await;
    let answer = server
        .call(
            "PrebuildService/CancelPrebuild",
            json!({"prebuildId": prebuild}),
        )
        .await;
    answer.refused(400, "failed_precondition", "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_gets_the_same_codes_and_messages() {
    let server = Server::start().await;
    let project_id = server.project().await;
    let client = |base: &str, token: &str| {
        let channel = Channel::builder(base)
            .protocol(Protocol::Grpc)
            .bearer_token(token)
            .build()
            .unwrap();
        PrebuildServiceClient::new(channel)
    };
    let prefixed = format!("{}/api", server.base);
    for base in [&server.base, &prefixed] {
        let create = |seconds| CreatePrebuildRequest {
            project_id: project_id.clone(),
            environment_class_id: None,
            spec: Some(PrebuildSpec {
                timeout: Some(pbjson_wkt::Duration { seconds, nanos: 0 }),
                ..PrebuildSpec::default()
            }),
        };
        let created = client(base, TOKEN).create_prebuild(create(3600)).await;
        let prebuild_id = created.unwrap().into_inner().prebuild.unwrap().id;
        let get = GetPrebuildRequest { prebuild_id };

        let refused = [
            (
                client(base, TOKEN).create_prebuild(create(299)).await.err(),
                Code::InvalidArgument,
                "spec.timeout: timeout 4m59s is below the minimum of 5m",
            ),
            (
                client(base, TOKEN)
                    .create_prebuild(CreatePrebuildRequest::default())
                    .await
                    .err(),
                Code::InvalidArgument,
                "project_id",
            ),
            (
                client(base, READER)
                    .create_prebuild(create(3600))
                    .await
                    .err(),
                Code::PermissionDenied,
                "read-only",
            ),
            (
                client(base, "wrong").get_prebuild(get.clone()).await.err(),
                Code::Unauthenticated,
                "not valid",
            ),
            (
                client(base, STRANGER).get_prebuild(get.clone()).await.err(),
                Code::NotFound,
                "prebuild not found",
            ),
        ];
        for (status, code, message) in refused {
            let status = status.unwrap();
            assert_eq!(status.code(), code, "{status}");
            assert!(status.message().contains(message), "{status}");
        }
        client(base, READER).get_prebuild(get).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_that_do_not_exist_are_not_found() {
    let server = Server::start().await;
    for (path, message) in [
        ("/", "does not exist"),
        ("/api/nothing", "does not exist"),
        ("/gitpod.v1.PrebuildService", "does not exist"),
        ("/logs/x", "prebuild not found"),
        ("/prebuilds/x/snapshot", "prebuild not found"),
    ] {
        let answer = server.get(TOKEN, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains(message), "{path}: {}", answer.text());
    }
    let answer = server.call("PrebuildService/NoSuchMethod", json!({})).await;
    answer.refused(404, "unimplemented", "NoSuchMethod");
    for path in ["/healthz", "/api/healthz"] {
        assert_eq!(server.get("", path).await.text(), "ok\n");
    }
}
