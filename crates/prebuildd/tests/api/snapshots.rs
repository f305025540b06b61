//! Snapshots over HTTP.

use jiff::Timestamp;
use prebuildd::snapshot::{Contents, Description, Manifest};
use uuid::Uuid;

use crate::server::{READER, Server, updates_to_completed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_sent_once_the_prebuild_is_completed() {
    let server = Server::start().await;
    let id = server.prebuild(&server.project().await).await;
    let path = format!("/prebuilds/{id}/snapshot");
    let early = server.get(READER, &path).await;
    assert_eq!(early.status, 409);
    assert!(early.text().contains("it is pending"), "{}", early.text());

    let workspace = server.dir.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    std::fs::write(workspace.join("file"), "content").unwrap();
    let description = Description {
        prebuild_id: id.parse().unwrap(),
        organization_id: server.organization,
        project_id: Uuid::from_u128(1),
        environment_class_id: Uuid::from_u128(2),
        environment_id: "environment".to_owned(),
        repository_name: "app".to_owned(),
        commit: "0".repeat(40),
        reuse_key: "key".to_owned(),
        created_at: Timestamp::now(),
    };
    let contents = Contents {
        workspace: &workspace,
        home: None,
    };
    let published = server
        .snapshots
        .publish(&description, &contents, |_| {})
        .await
        .unwrap();
    server.report(&id, &updates_to_completed()).await;

    let manifest = server.get(READER, &format!("{path}/manifest")).await;
    assert_eq!(manifest.headers["content-type"], "application/json");
    assert_eq!(Manifest::from_json(&manifest.body).unwrap(), published);

    let archive = server.get(READER, &path).await;
    assert_eq!(archive.headers["content-type"], "application/zstd");
    let size = archive.headers["content-length"].to_str().unwrap();
    assert_eq!(size, published.archive.size_bytes.to_string());
    let hash = blake3::hash(&archive.body).to_hex();
    assert_eq!(hash.as_str(), published.archive.blake3);
}
