//! Processes that die or are shut down in the midst, and what their successors make of it.

use jiff::Timestamp;
use prebuildd::domain::{MAX_ATTEMPTS, StatusUpdate};
use prebuildd::snapshot::{Contents, Description};
use prebuildd::store::{Queue as _, Work};
use prebuilds::v1::PrebuildPhase;
use uuid::Uuid;

use crate::house::{HANGS, HOUR, House};
use crate::runner_fixture::{commit, processes};

#[tokio::test]
async fn a_successor_begins_anew_after_its_predecessor_died() {
    // The first attempt hangs; the second finds another commit.
    let house = House::new(Some(HANGS)).await;
    let predecessor = house.start();
    let id = house.create(HOUR).await;
    let seen = house.until_command_runs(id).await;
    predecessor.kill().await;

    commit(
        &house.repository,
        &[(
            ".devcontainer/devcontainer.json",
            r#"{"onCreateCommand": "echo second"}"#,
        )],
    );
    house.store.void_leases().await.unwrap();
    let successor = house.start();
    let row = house.until_ended(id).await;
    assert_eq!(
        (row.phase, row.attempts),
        (PrebuildPhase::Completed, 2),
        "{}",
        row.failure_message
    );
    assert!(processes(seen.environment_id.unwrap()).is_empty());
    house.assert_nothing_left(&row).await;
    house.snapshots.verify(id).await.unwrap();
    successor.stop().await;
}

#[tokio::test]
async fn a_prebuild_that_is_given_up_at_shutdown_is_finished_by_the_next_process() {
    // However often: an attempt that was given up does not count.
    let house = House::new(Some(HANGS)).await;
    let id = house.create(HOUR).await;
    for _ in 0..=MAX_ATTEMPTS {
        let process = house.start();
        let seen = house.until_command_runs(id).await;
        process.stop().await;
        let row = house.store.load_prebuild(id).await.unwrap();
        assert_eq!((row.phase, row.lease), (PrebuildPhase::Running, None));
        assert_eq!(row.attempts, 0);
        house.assert_nothing_left(&seen).await;
    }

    commit(
        &house.repository,
        &[(".devcontainer/devcontainer.json", "{}")],
    );
    let last = house.start();
    assert_eq!(house.until_ended(id).await.phase, PrebuildPhase::Completed);
    last.stop().await;
}

#[tokio::test]
async fn a_prebuild_that_takes_its_process_down_is_given_up_after_three_attempts() {
    let house = House::new(Some(HANGS)).await;
    let id = house.create(HOUR).await;
    for _ in 0..3 {
        house.store.void_leases().await.unwrap();
        let attempts = house.store.load_prebuild(id).await.unwrap().attempts;
        let process = house.start();
        house.until(id, |row| row.attempts > attempts).await;
        process.kill().await;
    }
    house.store.void_leases().await.unwrap();
    let last = house.start();
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    assert!(
        row.failure_message.contains("3 attempts"),
        "{}",
        row.failure_message
    );
    house.assert_nothing_left(&row).await;
    last.stop().await;
}

#[tokio::test]
async fn a_snapshot_that_was_published_before_the_crash_is_not_made_again() {
    let house = House::new(None).await;
    let id = house.create(HOUR).await;
    // What a process does until it is killed between the manifest and the report.
    let now = Timestamp::now();
    let mut row = house
        .store
        .claim(Work::Build, Uuid::now_v7(), now, HOUR, 1)
        .await
        .unwrap()
        .remove(0);
    for update in [
        StatusUpdate::BeginAttempt {
            environment_id: Uuid::now_v7(),
        },
        StatusUpdate::Advance(PrebuildPhase::Running),
        StatusUpdate::Advance(PrebuildPhase::Stopping),
        StatusUpdate::Advance(PrebuildPhase::Snapshotting),
    ] {
        row = house
            .store
            .update_status(id, row.epoch, row.status_version, update, now)
            .await
            .unwrap();
    }
    let content = house.fixture.folder.path().join("content");
    std::fs::create_dir(&content).unwrap();
    let description = Description {
        prebuild_id: id,
        organization_id: row.organization_id,
        project_id: row.project_id,
        environment_class_id: row.environment_class_id,
        environment_id: row.environment_id.unwrap().to_string(),
        repository_name: "app".to_owned(),
        commit: String::new(),
        reuse_key: String::new(),
        created_at: now,
    };
    let contents = Contents {
        workspace: &content,
        home: None,
    };
    let published = house
        .snapshots
        .publish(&description, &contents, |_| {})
        .await
        .unwrap();

    house.store.void_leases().await.unwrap();
    let running = house.start();
    let row = house.until_ended(id).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Completed, 1));
    assert_eq!(house.snapshots.verify(id).await.unwrap(), published);
    running.stop().await;
}
