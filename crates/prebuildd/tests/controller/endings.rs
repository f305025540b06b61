//! How a prebuild ends when it is left to itself, and what it says then.

use prebuildd::store::{Queue as _, Store as _};
use prebuilds::v1::PrebuildPhase;
use tokio::time::timeout;

use crate::house::{HOUR, House, LONG};

#[tokio::test]
async fn an_empty_repository_completes() {
    let house = House::new(None).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    let row = house.until_ended(id).await;
    assert_eq!(
        (row.phase, row.failure_message.as_str()),
        (PrebuildPhase::Completed, "")
    );
    assert_eq!(row.snapshot_percentage, 100);
    let manifest = house.snapshots.verify(id).await.unwrap();
    assert_eq!(row.snapshot_size_bytes, manifest.archive.size_bytes);
    assert!(
        house.log(id).ends_with("==> Completed\n"),
        "{}",
        house.log(id)
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn what_the_commands_made_is_in_the_snapshot_and_phases_only_move_forward() {
    let house = House::new(Some(
        r#"{"image": "debian", "onCreateCommand": "echo made > made; mkdir -p ~/.cache && echo cached > ~/.cache/x"}"#,
    ))
    .await;
    let id = house.create(HOUR).await;
    let mut changes = house.store.subscribe();
    let running = house.start();
    let mut phases = vec![PrebuildPhase::Pending];
    while phases.last() != Some(&PrebuildPhase::Completed) {
        timeout(LONG, changes.recv()).await.unwrap().unwrap();
        let row = house.store.load_prebuild(id).await.unwrap();
        assert!(
            !matches!(row.phase, PrebuildPhase::Failed),
            "{}",
            row.failure_message
        );
        assert!(
            phases.last().unwrap() <= &row.phase,
            "{phases:?} then {:?}",
            row.phase
        );
        phases.push(row.phase);
    }
    let row = house.store.load_prebuild(id).await.unwrap();
    assert!(
        row.warning_message.contains("image"),
        "{}",
        row.warning_message
    );

    let archive = house.snapshots.archive(id).await.unwrap();
    let (into, home) = (
        house.fixture.folder.path().join("into"),
        house.fixture.folder.path().join("home"),
    );
    let options = prebuildd::snapshot::RestoreOptions {
        home: Some(home.clone()),
        ..Default::default()
    };
    prebuildd::snapshot::restore(archive.bytes, &archive.manifest, &into, options)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(into.join("made")).unwrap(),
        "made\n"
    );
    assert_eq!(
        std::fs::read_to_string(home.join(".cache/x")).unwrap(),
        "cached\n"
    );
    running.stop().await;
}

#[tokio::test]
async fn failures_say_why_and_keep_the_log() {
    let cases = [
        (
            r#"{"onCreateCommand": "echo before; exit 7", "updateContentCommand": "echo after"}"#,
            "exit code 7",
        ),
        (r#"{"onCreateCommand": }"#, "devcontainer.json"),
    ];
    for (devcontainer, reason) in cases {
        let house = House::new(Some(devcontainer)).await;
        let running = house.start();
        let id = house.create(HOUR).await;
        let row = house.until_ended(id).await;
        assert_eq!(row.phase, PrebuildPhase::Failed);
        assert!(
            row.failure_message.contains(reason),
            "{}",
            row.failure_message
        );
        assert!(row.completion_time.is_some());
        let log = house.log(id);
        assert!(
            log.contains(&row.failure_message) && !log.contains("after\n"),
            "{log}"
        );
        assert!(house.snapshots.manifest(id).await.unwrap().is_none());
        house.assert_nothing_left(&row).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_repository_that_does_not_exist_is_named() {
    let house = House::new(None).await;
    std::fs::remove_dir_all(&house.repository).unwrap();
    let running = house.start();
    let id = house.create(HOUR).await;
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    let message = &row.failure_message;
    assert!(
        message.contains(house.repository.to_str().unwrap()),
        "{message}"
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}
