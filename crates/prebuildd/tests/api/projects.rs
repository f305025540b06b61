//! Projects and environment classes.

use serde_json::{Value, json};

use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_is_created_changed_in_part_and_deleted_with_its_prebuilds() {
    let server = Server::start().await;
    let classes = server
        .call(
            "RunnerConfigurationService/ListEnvironmentClasses",
            json!({}),
        )
        .await
        .ok();
    let class = classes["environmentClasses"][0]["id"].as_str().unwrap();
    let created = server
        .call(
            "ProjectService/CreateProject",
            json!({
                "name": "app",
                "initializer": {"specs": [{"git": {
                    "remoteUri": "https://example.com/app.git",
                    "targetMode": "CLONE_TARGET_MODE_REMOTE_BRANCH",
                    "cloneTarget": "main",
                }}]},
                "devcontainerFilePath": ".devcontainer/ci/devcontainer.json",
                "prebuildConfiguration": {
                    "enabled": true,
                    "environmentClassIds": [class],
                    "timeout": "1800s",
                    "trigger": {"dailySchedule": {"hourUtc": 3}},
                    "executor": {"id": server.subject.id, "principal": "PRINCIPAL_USER"},
                },
            }),
        )
        .await
        .ok();
    let project = &created["project"];
    let id = project["id"].as_str().unwrap();
    assert_eq!(
        project["environmentClasses"][0]["environmentClassId"],
        class
    );
    assert_eq!(project["metadata"]["name"], "app");
    assert_eq!(project["prebuildConfiguration"]["timeout"], "1800s");
    assert_eq!(project["desiredPhase"], "PROJECT_PHASE_ACTIVE");
    let schedule = &project["prebuildConfiguration"]["trigger"]["dailySchedule"];
    assert_eq!(schedule["hourUtc"], 3);

    // The executor of its prebuilds is the project's.
    let prebuild = server.prebuild(id).await;
    let get_prebuild = json!({"prebuildId": prebuild});
    let read = server
        .call("PrebuildService/GetPrebuild", get_prebuild.clone())
        .await
        .ok();
    let executor = &read["prebuild"]["metadata"]["executor"];
    assert_eq!(executor["id"], server.subject.id.to_string());

    let updated = server
        .call(
            "ProjectService/UpdateProject",
            json!({"projectId": id, "name": "renamed", "recommendedEditors": {
                "editors": {"vscode": {"versions": ["1"]}}
            }}),
        )
        .await
        .ok();
    let mut expected = project.clone();
    expected["metadata"]["name"] = "renamed".into();
    expected["metadata"]["updatedAt"] = updated["project"]["metadata"]["updatedAt"].clone();
    expected["recommendedEditors"] = json!({"editors": {"vscode": {"versions": ["1"]}}});
    assert_eq!(updated["project"], expected);
    let get = json!({"projectId": id});
    let read = server
        .call("ProjectService/GetProject", get.clone())
        .await
        .ok();
    assert_eq!(read, updated);

    for path in ["/etc/passwd", "../../etc/passwd", "a/../../b"] {
        let body = json!({"projectId": id, "devcontainerFilePath": path});
        let answer = server.call("ProjectService/UpdateProject", body).await;
        answer.refused(400, "invalid_argument", "devcontainer_file_path");
    }

    server
        .call("ProjectService/DeleteProject", get.clone())
        .await
        .ok();
    let answer = server.call("ProjectService/GetProject", get.clone()).await;
    answer.refused(404, "not_found", "project not found");
    let answer = server.call("ProjectService/DeleteProject", get).await;
    answer.refused(404, "not_found", "project not found");
    let read = server
        .call("PrebuildService/GetPrebuild", get_prebuild)
        .await
        .ok();
    let desired = &read["prebuild"]["spec"]["desiredPhase"];
    assert_eq!(desired, "PREBUILD_PHASE_DELETED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_of_different_fields_are_all_kept() {
    let server = Server::start().await;
    let id = server.project().await;
    let update = |field: &str, value: &str| {
        let mut body = json!({"projectId": id});
        body[field] = value.into();
        server.call("ProjectService/UpdateProject", body)
    };
    let (one, two, three) = tokio::join!(
        update("name", "renamed"),
        update("technicalDescription", "described"),
        update("automationsFilePath", "automations.yaml"),
    );
    for answer in [one, two, three] {
        answer.ok();
    }
    let read = server
        .call("ProjectService/GetProject", json!({"projectId": id}))
        .await
        .ok();
    assert_eq!(read["project"]["metadata"]["name"], "renamed");
    assert_eq!(read["project"]["technicalDescription"], "described");
    assert_eq!(read["project"]["automationsFilePath"], "automations.yaml");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_are_searched_sorted_counted_and_paged() {
    let server = Server::start().await;
    for name in ["beta", "alpha", "Gamma app", "delta app"] {
        let body = json!({"name": name, "initializer": {"specs": [
            {"contextUrl": {"url": "https://example.com/repository"}}
        ]}});
        server.call("ProjectService/CreateProject", body).await.ok();
    }
    let none = "0192f0a0-0000-7000-8000-000000000000";
    let cases: [(Value, &[&str]); 7] = [
        (json!({}), &["delta app", "Gamma app", "alpha", "beta"]),
        (
            json!({"sort": {"field": "name"}}),
            &["Gamma app", "alpha", "beta", "delta app"],
        ),
        (
            json!({"sort": {"field": "created_at", "order": "SORT_ORDER_ASC"}}),
            &["beta", "alpha", "Gamma app", "delta app"],
        ),
        (
            json!({"filter": {"search": "APP"}}),
            &["delta app", "Gamma app"],
        ),
        (
            json!({"filter": {"search": "COM/repository"}, "sort": {"field": "name"}}),
            &["Gamma app", "alpha", "beta", "delta app"],
        ),
        (json!({"filter": {"runnerIds": [none]}}), &[]),
        (
            json!({"filter": {"runnerKinds": ["RUNNER_KIND_LOCAL_CONFIGURATION"]}}),
            &[],
        ),
    ];
    for (mut body, expected) in cases {
        let (mut found, mut token) = (Vec::new(), String::new());
        body["count"] = json!({"include": true});
        loop {
            body["pagination"] = json!({"pageSize": 3, "token": token});
            let page = server
                .call("ProjectService/ListProjects", body.clone())
                .await
                .ok();
            let count = page["count"]["value"].as_u64().unwrap_or(0);
            assert_eq!(count, expected.len() as u64, "{body}");
            let projects = page["projects"].as_array().cloned().unwrap_or_default();
            let names = projects.iter().map(|project| &project["metadata"]["name"]);
            found.extend(names.map(|name| name.as_str().unwrap().to_owned()));
            match page["pagination"]["nextToken"].as_str() {
                None | Some("") => break,
                Some(next) => token = next.to_owned(),
            }
        }
        assert_eq!(found, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environment_classes_are_filtered() {
    let server = Server::start().await;
    for (filter, expected) in [
        (json!({}), 1),
        (json!({"enabled": true}), 1),
        (json!({"enabled": false}), 0),
        (json!({"canCreateEnvironments": true}), 1),
        (json!({"enabled": true, "canCreateEnvironments": false}), 0),
        (json!({"runnerKinds": ["RUNNER_KIND_REMOTE"]}), 1),
        (
            json!({"runnerKinds": ["RUNNER_KIND_LOCAL_CONFIGURATION"]}),
            0,
        ),
        (json!({"runnerProviders": ["RUNNER_PROVIDER_AWS_EC2"]}), 0),
    ] {
        let list = server
            .call(
                "RunnerConfigurationService/ListEnvironmentClasses",
                json!({"filter": filter}),
            )
            .await
            .ok();
        let found = list["environmentClasses"].as_array().map_or(0, Vec::len);
        assert_eq!(found, expected, "{filter}");
    }
}
