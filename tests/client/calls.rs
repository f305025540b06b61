//! Calls: what they send, pages, retries, errors.

use std::time::Duration;

use futures_util::TryStreamExt;
use prebuilds::client::{Client, ClientError, CreateOptions};
use prebuilds::v1::list_prebuilds_request::Filter;
use prebuilds::v1::{CreateWarmPoolRequest, PrebuildPhase};
use tonic::{Code, Status};

use crate::server::{TOKEN, prebuild, start, uuid};

#[tokio::test]
async fn a_prebuild_is_created_as_asked_read_cancelled_and_deleted() {
    let server = start().await;
    let client = server.client();
    let options = CreateOptions {
        environment_class_id: Some(uuid(8)),
        timeout: Some("45m".parse().unwrap()),
    };
    let created = client.create(&uuid(7), options).await.unwrap();
    let metadata = created.metadata.clone().unwrap();
    assert_eq!(metadata.project_id, uuid(7));
    assert_eq!(metadata.environment_class_id, uuid(8));
    let timeout = created.spec.as_ref().unwrap().timeout.unwrap();
    assert_eq!(timeout.to_string(), "2700s");

    assert_eq!(client.get(&created.id).await.unwrap(), created);
    let cancelled = client.cancel(&created.id).await.unwrap();
    assert_eq!(cancelled.status.unwrap().phase(), PrebuildPhase::Cancelling);
    client.delete(&created.id).await.unwrap();

    let error = client.get(&uuid(9)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NotFound));
}

#[tokio::test]
async fn a_list_is_one_stream_over_all_pages() {
    let server = start().await;
    for number in 0..250 {
        server
            .fake
            .insert(prebuild(&uuid(number), PrebuildPhase::Pending));
    }
    let listed: Vec<_> = server
        .client()
        .list(Filter::default())
        .map_ok(|prebuild| prebuild.id)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, (0..250).map(uuid).collect::<Vec<_>>());
    assert_eq!(server.fake.calls("list"), 3);
}

#[tokio::test]
async fn pages_are_fetched_only_as_they_are_taken() {
    let server = start().await;
    for number in 0..250 {
        server
            .fake
            .insert(prebuild(&uuid(number), PrebuildPhase::Pending));
    }
    let mut list = server.client().list(Filter::default());
    list.try_next().await.unwrap().unwrap();
    assert_eq!(server.fake.calls("list"), 1);
}

#[tokio::test]
async fn a_page_token_seen_twice_ends_the_list_with_an_error() {
    let server = start().await;
    for number in 0..10 {
        server
            .fake
            .insert(prebuild(&uuid(number), PrebuildPhase::Pending));
    }
    server.fake.repeat_page_token();
    let listed: Result<Vec<_>, _> = server.client().list(Filter::default()).try_collect().await;
    let error = listed.unwrap_err();
    assert!(
        matches!(&error, ClientError::RepeatedPageToken { token, .. } if token == "7"),
        "{error:?}"
    );
    assert_eq!(server.fake.calls("list"), 2);
}

#[tokio::test]
async fn reads_are_repeated_while_the_server_is_unavailable_and_nothing_else_is() {
    // The call, what the server fails with how often at first, what comes of it, and how often it was made.
    type Case = (&'static str, Code, usize, Result<(), Code>, usize);
    let table: &[Case] = &[
        ("get", Code::Unavailable, 0, Ok(()), 1),
        ("get", Code::Unavailable, 3, Ok(()), 4),
        ("get", Code::Unavailable, 4, Err(Code::Unavailable), 4),
        ("get", Code::Internal, 1, Err(Code::Internal), 1),
        (
            "get",
            Code::ResourceExhausted,
            1,
            Err(Code::ResourceExhausted),
            1,
        ),
        ("list", Code::Unavailable, 1, Ok(()), 2),
        ("create", Code::Unavailable, 1, Err(Code::Unavailable), 1),
        ("cancel", Code::Unavailable, 1, Err(Code::Unavailable), 1),
        ("delete", Code::Unavailable, 1, Err(Code::Unavailable), 1),
        (
            "create warm pool",
            Code::Unavailable,
            1,
            Err(Code::Unavailable),
            1,
        ),
    ];
    let cases = table
        .iter()
        .map(async |&(call, code, failures, expected, made)| {
            let server = start().await;
            let id = uuid(1);
            server.fake.insert(prebuild(&id, PrebuildPhase::Pending));
            server
                .fake
                .fail_next((0..failures).map(|_| Status::new(code, "as told")));
            let client = server.client();
            let result = match call {
                "get" => client.get(&id).await.map(drop),
                "list" => client.list(Filter::default()).try_next().await.map(drop),
                "create" => client
                    .create(&uuid(7), CreateOptions::default())
                    .await
                    .map(drop),
                "cancel" => client.cancel(&id).await.map(drop),
                "delete" => client.delete(&id).await,
                _ => {
                    let request = CreateWarmPoolRequest {
                        project_id: uuid(7),
                        environment_class_id: uuid(8),
                        ..CreateWarmPoolRequest::default()
                    };
                    client.create_warm_pool(request).await.map(drop)
                }
            };
            let result = result.map_err(|error| error.code().unwrap());
            assert_eq!(result, expected, "{call} {code:?} {failures}");
            assert_eq!(server.fake.calls(call), made, "{call} {code:?} {failures}");
        });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn an_answer_without_what_the_schema_requires_is_an_error() {
    let server = start().await;
    let request = CreateWarmPoolRequest {
        project_id: uuid(7),
        environment_class_id: uuid(8),
        ..CreateWarmPoolRequest::default()
    };
    let error = server.client().create_warm_pool(request).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Incomplete {
                field: "warm_pool",
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_call_ends_when_its_timeout_does() {
    let server = start().await;
    let client = Client::builder()
        .base_url(&server.url)
        .token(TOKEN)
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let error = client.get_warm_pool(&uuid(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    assert!(error.to_string().contains("raise the timeout"), "{error}");
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let server = start().await;
    let stranger = Client::builder().base_url(&server.url).token("wrong");
    let error = stranger.build().unwrap().get(&uuid(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unauthenticated));
    for part in ["unknown token", "PREBUILDS_API_KEY", server.url.as_str()] {
        assert!(error.to_string().contains(part), "{error}");
    }

    // A port that was free a moment ago, and that nobody listens on.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let nobody = Client::builder()
        .base_url(&url)
        .token(TOKEN)
        .build()
        .unwrap();
    let error = nobody.get(&uuid(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unavailable));
    let question = format!("is the server running at {url}?");
    assert!(error.to_string().contains(&question), "{error}");
}
