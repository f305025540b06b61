//! Logs over HTTP.

use axum::http::Method;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use prebuildd::domain::StatusUpdate;
use serde_json::json;
use uuid::Uuid;

use crate::server::{READER, Server, TOKEN};

async fn logs_token(server: &Server, prebuild: &str) -> String {
    let token = server
        .call(
            "PrebuildService/CreatePrebuildLogsToken",
            json!({"prebuildId": prebuild}),
        )
        .await
        .ok();
    token["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_opens_to_its_organization_and_to_its_own_token() {
    let server = Server::start().await;
    let project = server.project().await;
    let (id, other) = (
        server.prebuild(&project).await,
        server.prebuild(&project).await,
    );
    for id in [&id, &other] {
        let log = server.logs.writer(id.parse().unwrap()).unwrap();
        log.write_chunk("grüße\n".as_bytes());
        log.finish().unwrap();
    }
    let path = format!("/logs/{id}");
    let token = logs_token(&server, &id).await;
    for (token, path) in [
        (TOKEN, path.clone()),
        (READER, path.clone()),
        (&token, path.clone()),
        (&token, format!("/api{path}")),
        (&token, format!("{path}?follow=false")),
    ] {
        let answer = server.get(token, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.text(), "grüße\n");
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(
        server.get(TOKEN, &format!("{path}?follow=x")).await.status,
        400
    );

    let uuid: Uuid = id.parse().unwrap();
    let hours_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let expired = server
        .log_tokens
        .issue(uuid, server.organization, hours_ago);
    // Signed all right, for an organization that does not own it.
    let misplaced = server
        .log_tokens
        .issue(uuid, Uuid::from_u128(9), Timestamp::now());
    for (token, path, status, message) in [
        (&expired.unwrap(), &path, 401, "has expired"),
        (&misplaced.unwrap(), &path, 404, "not found"),
        (
            &token,
            &format!("/logs/{other}"),
            401,
            "for another prebuild",
        ),
        (&format!("{token}x"), &path, 401, "not valid"),
    ] {
        let answer = server.get(token, path).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(message), "{}", answer.text());
    }
    // And it is no token for anything else.
    let answer = server
        .call_as(
            &token,
            "PrebuildService/GetPrebuild",
            json!({"prebuildId": id}),
        )
        .await;
    answer.refused(401, "unauthenticated", "not valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_followed_from_before_its_first_line_to_its_end() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let path = format!("/logs/{id}");
    let now = server.get(TOKEN, &format!("{path}?follow=false")).await;
    assert_eq!((now.status.as_u16(), now.text()), (200, ""));

    let headers = [("authorization", "Bearer alice")];
    let response = server.open(Method::GET, &path, &headers, "").await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let log = server.logs.writer(id.parse().unwrap()).unwrap();
    log.line("one");
    let begin = StatusUpdate::BeginAttempt {
        environment_id: Uuid::from_u128(7),
    };
    server.report(&id, &[begin]).await;
    let mut next = async || {
        let frame = body.frame().await?;
        Some(frame.unwrap().into_data().unwrap())
    };
    assert_eq!(next().await.unwrap(), "one\n");
    log.line("two");
    assert_eq!(next().await.unwrap(), "two\n");
    log.finish().unwrap();
    assert_eq!(next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_what_never_began_is_empty() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let path = format!("/logs/{id}");
    let headers = [("authorization", "Bearer alice")];
    let follower = server.open(Method::GET, &path, &headers, "").await;
    server
        .call("PrebuildService/CancelPrebuild", json!({"prebuildId": id}))
        .await
        .ok();
    server.report(&id, &[StatusUpdate::FinishCancel]).await;
    let followed = follower.into_body().collect().await.unwrap();
    assert_eq!(followed.to_bytes(), "");
    let later = server.get(TOKEN, &path).await;
    assert_eq!((later.status.as_u16(), later.text()), (200, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_removed_is_gone() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let fail = [
        StatusUpdate::BeginAttempt {
            environment_id: Uuid::from_u128(7),
        },
        StatusUpdate::Fail {
            message: "broken".to_owned(),
        },
    ];
    server.report(&id, &fail).await;
    let answer = server.get(TOKEN, &format!("/logs/{id}")).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("is gone"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_are_let_go_when_the_server_ends_and_hear_that_it_was_not_the_end_of_the_log() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let log = server.logs.writer(id.parse().unwrap()).unwrap();
    log.line("one");
    let headers = [("authorization", "Bearer alice")];
    let path = format!("/logs/{id}");
    let mut body = server
        .open(Method::GET, &path, &headers, "")
        .await
        .into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "one\n");
    server.shutdown.cancel();
    body.collect().await.unwrap_err();
}
