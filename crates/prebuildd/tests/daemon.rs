//! A server over a data folder: one at a time, found by others, with the same token each time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use futures_util::FutureExt as _;
use prebuildd::config::{Config, SandboxChoice};
use prebuildd::daemon::{Daemon, StartError};
use prebuildd::data_dir::{DataDir, DataDirError};
use prebuildd::tokens;
use prebuilds::v1::WatchEventsRequest;
use prebuilds::v1::event_service_client::EventServiceClient;
use prebuilds::v1::event_service_connect::SERVICE;
use prebuilds::v1::watch_events_request::Scope;
use tempfile::TempDir;
use tonic_connect::Channel;

fn config(folder: &Path) -> Config {
    let text = "listen = \"127.0.0.1:0\"\nsandbox = \"optional\"";
    Config::new(folder).merge_toml(text).unwrap()
}

#[tokio::test]
async fn a_folder_has_one_server_at_a_time_which_others_find() {
    let folder = TempDir::new().unwrap();
    let data_dir = DataDir::open(folder.path().join("data")).unwrap();
    assert_eq!(data_dir.running_server().unwrap(), None);

    let first = Daemon::start(config(data_dir.path())).await.unwrap();
    let url = format!("http://{}", first.local_addr());
    assert!(first.created_admin_token());
    let found = data_dir.running_server().unwrap().unwrap();
    assert_eq!(
        (found.url.as_str(), found.token.as_str()),
        (url.as_str(), first.admin_token())
    );
    assert!(!found.transient);
    let refused = Daemon::start(config(data_dir.path())).await.unwrap_err();
    assert!(
        matches!(&refused, StartError::DataDir(DataDirError::InUse { url: Some(at), .. }) if *at == url),
        "{refused}"
    );
    first.shutdown().await;

    assert_eq!(data_dir.running_server().unwrap(), None);
    let mut config = config(data_dir.path());
    config.transient = true;
    let second = Daemon::start(config).await.unwrap();
    assert!(data_dir.running_server().unwrap().unwrap().transient);
    assert!(!second.created_admin_token());
    assert_eq!(second.admin_token(), found.token);
    second.shutdown().await;
}

#[tokio::test]
async fn what_is_in_the_folder_is_for_its_owner() {
    let folder = TempDir::new().unwrap();
    let data_dir = DataDir::open(folder.path().join("data")).unwrap();
    let daemon = Daemon::start(config(data_dir.path())).await.unwrap();
    let mode = |name: &str| {
        let path = data_dir.path().join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in [
        "admin.token",
        "logs.key",
        "store.sqlite",
        "server.addr",
        "lock",
    ] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    daemon.shutdown().await;
}

#[test]
fn what_is_in_a_folder_that_was_there_is_closed_to_others() {
    let folder = TempDir::new().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open.clone()).unwrap();
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    std::fs::set_permissions(folder.path().join("logs"), open).unwrap();
    let data_dir = DataDir::open(folder.path()).unwrap();
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(data_dir.path()), 0o755, "it may be a mount");
    for path in [
        data_dir.environments(),
        data_dir.logs(),
        data_dir.snapshots(),
    ] {
        assert_eq!(mode(&path), 0o700, "{}", path.display());
    }
}

#[tokio::test]
async fn a_token_whose_secret_was_lost_is_replaced() {
    let folder = TempDir::new().unwrap();
    let data_dir = DataDir::open(folder.path()).unwrap();
    let first = Daemon::start(config(data_dir.path())).await.unwrap();
    let lost = first.admin_token().to_owned();
    first.shutdown().await;
    std::fs::remove_file(data_dir.admin_token()).unwrap();
    let second = Daemon::start(config(data_dir.path())).await.unwrap();
    assert!(second.created_admin_token() && second.admin_token() != lost);
    second.shutdown().await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_beside_a_running_server() {
    let folder = TempDir::new().unwrap();
    let data_dir = DataDir::open(folder.path()).unwrap();
    let daemon = Daemon::start(config(data_dir.path())).await.unwrap();
    let (token, secret) = tokens::create(&data_dir, tokens::DEFAULT_ORGANIZATION, "ci", true)
        .await
        .unwrap();
    assert!(token.read_only && secret.len() > 40);
    let (other, _) = tokens::create(&data_dir, "elsewhere", "ci", false)
        .await
        .unwrap();
    assert_ne!(other.organization_id, token.organization_id);

    let names = |tokens: Vec<prebuildd::domain::Token>| {
        tokens
            .into_iter()
            .map(|token| token.name)
            .collect::<Vec<_>>()
    };
    let listed = tokens::list(&data_dir, tokens::DEFAULT_ORGANIZATION)
        .await
        .unwrap();
    assert_eq!(names(listed), ["ci", "admin"]);
    assert!(
        tokens::revoke(&data_dir, "elsewhere", token.id)
            .await
            .is_err(),
        "another organization's token"
    );
    let revoked = tokens::revoke(&data_dir, tokens::DEFAULT_ORGANIZATION, token.id)
        .await
        .unwrap();
    assert!(revoked.revoked_at.is_some());
    daemon.shutdown().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_the_remedy() {
    let folder = TempDir::new().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(folder.path());
    config.listen = taken.local_addr().unwrap();
    let error = Daemon::start(config).await.unwrap_err().to_string();
    assert!(
        error.contains(&taken.local_addr().unwrap().to_string()) && error.contains("--listen"),
        "{error}"
    );
}

#[test]
fn configuration_files_are_read_strictly() {
    let cases = [
        ("no_such_key = 1", "no_such_key"),
        ("concurrency = 0", "concurrency"),
        ("listen = \"nowhere\"", "listen"),
        ("sandbox = \"perhaps\"", "perhaps"),
        ("public_url = \"prebuilds.example.com\"", "public_url"),
        (
            "[git_credentials.\"github.com\"]\nusername = \"x\"",
            "password_file",
        ),
        (
            "[git_credentials.\"github.com\"]\npassword = \"x\"",
            "password",
        ),
    ];
    for (text, expected) in cases {
        let error = Config::new("data")
            .merge_toml(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let config = Config::new("data")
        .merge_toml("sandbox = \"none\"\npublic_url = \"https://a.example/b/\"")
        .unwrap();
    assert_eq!(config.sandbox, SandboxChoice::None);
    assert_eq!(config.public_url.as_deref(), Some("https://a.example/b"));
}

#[test]
fn where_a_server_listened_that_was_killed_is_not_taken_for_where_the_next_one_does() {
    let folder = TempDir::new().unwrap();
    let data_dir = DataDir::open(folder.path()).unwrap();
    std::fs::write(folder.path().join("server.addr"), "http://127.0.0.1:1\n").unwrap();
    std::fs::write(folder.path().join("admin.token"), "secret\n").unwrap();
    let starting = data_dir.lock().unwrap();
    assert_eq!(data_dir.running_server().unwrap(), None);
    starting.announce("http://127.0.0.1:2", false).unwrap();
    let running = data_dir.running_server().unwrap().unwrap();
    assert_eq!(running.url, "http://127.0.0.1:2");
}

#[tokio::test]
async fn whoever_ends_a_server_can_wait_until_nobody_watches() {
    let folder = TempDir::new().unwrap();
    let daemon = Daemon::start(config(folder.path())).await.unwrap();
    let channel = Channel::builder(format!("http://{}", daemon.local_addr()))
        .service(&SERVICE)
        .bearer_token(daemon.admin_token())
        .build()
        .unwrap();
    let request = WatchEventsRequest {
        scope: Some(Scope::Organization(true)),
        ..Default::default()
    };
    let events = EventServiceClient::new(channel)
        .watch_events(request)
        .await
        .unwrap();
    assert_eq!(daemon.unwatched().now_or_never(), None);
    drop(events);
    daemon.unwatched().await;
    daemon.shutdown().await;
}
