//! The way of a prebuild as clients see it.

use serde_json::{Value, json};

use crate::server::{Server, updates_to_completed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prebuild_is_created_as_asked_and_managed_by_the_server() {
    let server = Server::start().await;
    let project = server.project().await;
    let created = server
        .call(
            "PrebuildService/CreatePrebuild",
            json!({"projectId": project, "spec": {
                "timeout": "+300s",
                "desiredPhase": "PREBUILD_PHASE_DELETED",
                "specVersion": "99",
            }}),
        )
        .await
        .ok();
    let prebuild = &created["prebuild"];
    let id = prebuild["id"].as_str().unwrap();
    assert_eq!(prebuild["spec"]["timeout"], "300s");
    assert_eq!(prebuild["spec"]["desiredPhase"], "PREBUILD_PHASE_COMPLETED");
    assert_eq!(prebuild["spec"]["specVersion"], "1");
    assert_eq!(prebuild["status"]["phase"], "PREBUILD_PHASE_PENDING");
    assert_eq!(
        prebuild["status"]["logUrl"],
        format!("{}/logs/{id}", server.base)
    );
    let metadata = &prebuild["metadata"];
    assert_eq!(metadata["projectId"], project);
    assert_eq!(metadata["organizationId"], server.organization.to_string());
    assert_eq!(metadata["triggeredBy"], "PREBUILD_TRIGGER_MANUAL");
    assert_eq!(metadata["creator"]["id"], server.subject.id.to_string());
    assert_eq!(metadata["executor"], Value::Null);

    let get = json!({"prebuildId": id});
    let read = server
        .call("PrebuildService/GetPrebuild", get.clone())
        .await;
    assert_eq!(&read.ok()["prebuild"], prebuild);

    server.report(id, &updates_to_completed()).await;
    let completed = server.call("PrebuildService/GetPrebuild", get).await.ok();
    let status = &completed["prebuild"]["status"];
    assert_eq!(status["phase"], "PREBUILD_PHASE_COMPLETED");
    assert_eq!(status["snapshotCompletionPercentage"], 100);
    assert_eq!(status["snapshotSizeBytes"], "42");
    assert!(status["completionTime"].is_string());
    assert!(status["environmentId"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_timeout_is_an_hour_and_creating_again_makes_another() {
    let server = Server::start().await;
    let project = server.project().await;
    let one = server.prebuild(&project).await;
    let other = server.prebuild(&project).await;
    assert_ne!(one, other);
    let read = server
        .call("PrebuildService/GetPrebuild", json!({"prebuildId": one}))
        .await
        .ok();
    assert_eq!(read["prebuild"]["spec"]["timeout"], "3600s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_and_deleting_twice_is_fine() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let body = json!({"prebuildId": id});
    for _ in 0..2 {
        let cancelled = server
            .call("PrebuildService/CancelPrebuild", body.clone())
            .await
            .ok();
        let phase = &cancelled["prebuild"]["status"]["phase"];
        assert_eq!(phase, "PREBUILD_PHASE_CANCELLING");
    }
    for _ in 0..2 {
        let deleted = server
            .call("PrebuildService/DeletePrebuild", body.clone())
            .await
            .ok();
        assert_eq!(deleted, json!({}));
    }
    let read = server.call("PrebuildService/GetPrebuild", body).await.ok();
    let desired = &read["prebuild"]["spec"]["desiredPhase"];
    assert_eq!(desired, "PREBUILD_PHASE_DELETED");
}

fn ids(list: &Value) -> Vec<String> {
    let prebuilds = list["prebuilds"].as_array();
    prebuilds
        .into_iter()
        .flatten()
        .map(|prebuild| prebuild["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The 0.x clients put the page into the query, and on later pages only the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_asked_for_in_the_body_or_in_the_query() {
    let server = Server::start().await;
    let project = server.project().await;
    let mut newest_first = Vec::new();
    for _ in 0..5 {
        newest_first.insert(0, server.prebuild(&project).await);
    }
    let filter = json!({"projectIds": [project]});
    for (in_body, first, later) in [
        (json!({"pageSize": 2}), "", "?token="),
        (json!({}), "?pageSize=2", "?pageSize=2&token="),
        (
            json!({"pageSize": 99, "token": "no"}),
            "?page_size=2&token=",
            "?page_size=2&token=",
        ),
    ] {
        let body = json!({"filter": filter, "pagination": in_body});
        let mut query = first.to_owned();
        let mut pages = Vec::new();
        loop {
            let method = format!("PrebuildService/ListPrebuilds{query}");
            let page = server.call(&method, body.clone()).await.ok();
            pages.push(ids(&page));
            match page["pagination"]["nextToken"].as_str() {
                None | Some("") => break,
                Some(token) => query = format!("{later}{token}"),
            }
            assert!(pages.len() < 5, "{pages:?}");
        }
        let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(pages.concat(), newest_first);
    }
    let answer = server
        .call("PrebuildService/ListPrebuilds?pageSize=many", json!({}))
        .await;
    answer.refused(400, "invalid_argument", "pageSize");
    let answer = server
        .call("PrebuildService/ListPrebuilds?pageSize=101", json!({}))
        .await;
    answer.refused(400, "invalid_argument", "pagination.page_size");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_belongs_to_its_filter() {
    let server = Server::start().await;
    let project = server.project().await;
    for _ in 0..2 {
        server.prebuild(&project).await;
    }
    let list = |filter: Value, token: &str| {
        let body = json!({"filter": filter, "pagination": {"pageSize": 1, "token": token}});
        server.call("PrebuildService/ListPrebuilds", body)
    };
    let page = list(json!({"projectIds": [project]}), "").await.ok();
    let token = page["pagination"]["nextToken"].as_str().unwrap();
    assert_eq!(
        ids(&list(json!({"projectIds": [project]}), token).await.ok()).len(),
        1
    );
    for filter in [json!({}), json!({"phases": ["PREBUILD_PHASE_PENDING"]})] {
        let answer = list(filter, token).await;
        answer.refused(400, "invalid_argument", "not a token of this listing");
    }
    let body = json!({"pagination": {"token": token}});
    let answer = server.call("ProjectService/ListProjects", body).await;
    answer.refused(400, "invalid_argument", "pagination.token");
}
