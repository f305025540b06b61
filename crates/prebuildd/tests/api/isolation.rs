//! Nothing of one organization is visible to another, not even whether it exists.

use serde_json::json;

use crate::server::{STRANGER, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organizations_id_answers_as_one_that_never_was() {
    let server = Server::start().await;
    let project = server.project().await;
    let prebuild = server.prebuild(&project).await;
    let never = "0192f0a0-0000-7000-8000-000000000000";
    for (method, field, id, rest) in [
        (
            "PrebuildService/CreatePrebuild",
            "projectId",
            &project,
            json!({"spec": {}}),
        ),
        (
            "PrebuildService/GetPrebuild",
            "prebuildId",
            &prebuild,
            json!({}),
        ),
        (
            "PrebuildService/CancelPrebuild",
            "prebuildId",
            &prebuild,
            json!({}),
        ),
        (
            "PrebuildService/DeletePrebuild",
            "prebuildId",
            &prebuild,
            json!({}),
        ),
        (
            "PrebuildService/CreatePrebuildLogsToken",
            "prebuildId",
            &prebuild,
            json!({}),
        ),
        (
            "ProjectService/GetProject",
            "projectId",
            &project,
            json!({}),
        ),
        (
            "ProjectService/UpdateProject",
            "projectId",
            &project,
            json!({"name": "mine"}),
        ),
        (
            "ProjectService/DeleteProject",
            "projectId",
            &project,
            json!({}),
        ),
    ] {
        let mut answers = Vec::new();
        for id in [id.as_str(), never] {
            let mut body = rest.clone();
            body[field] = id.into();
            let answer = server.call_as(STRANGER, method, body).await;
            answer.refused(404, "not_found", "not found");
            answers.push(answer.body);
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
    for path in [
        format!("/logs/{prebuild}"),
        format!("/prebuilds/{prebuild}/snapshot"),
        format!("/prebuilds/{prebuild}/snapshot/manifest"),
    ] {
        let others = server.get(STRANGER, &path).await;
        let nobodys = server.get(STRANGER, &path.replace(&prebuild, never)).await;
        assert_eq!(others.status, 404, "{path}");
        assert_eq!(others.body, nobodys.body, "{path}");
    }
    let prebuilds = server
        .call_as(
            STRANGER,
            "PrebuildService/ListPrebuilds",
            json!({"filter": {"projectIds": [project]}}),
        )
        .await
        .ok();
    assert_eq!(prebuilds["prebuilds"], serde_json::Value::Null);
    let projects = server
        .call_as(
            STRANGER,
            "ProjectService/ListProjects",
            json!({"count": {"include": true}}),
        )
        .await
        .ok();
    assert_eq!(projects["projects"], serde_json::Value::Null);
    assert_eq!(projects["count"]["relation"], "COUNT_RESPONSE_RELATION_EQ");

    // And nothing of it had an effect.
    let untouched = server
        .call(
            "PrebuildService/GetPrebuild",
            json!({"prebuildId": prebuild}),
        )
        .await
        .ok();
    assert_eq!(
        untouched["prebuild"]["status"]["phase"],
        "PREBUILD_PHASE_PENDING"
    );
}
