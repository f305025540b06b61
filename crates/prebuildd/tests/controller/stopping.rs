//! What stops a prebuild before its commands end: a cancellation, the timeout.

use std::time::Duration;

use jiff::Timestamp;
use prebuildd::store::Prebuilds as _;
use prebuilds::v1::PrebuildPhase;

use crate::house::{HANGS, HOUR, House};

#[tokio::test]
async fn a_cancelled_prebuild_leaves_nothing_running() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    house.until_command_runs(id).await;
    let answer = house
        .store
        .request_cancel(house.project.organization_id, id, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(answer.phase, PrebuildPhase::Cancelling);
    let row = house.until_ended(id).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Cancelled, 1));
    assert!(
        house.log(id).ends_with("==> Cancelled\n"),
        "{}",
        house.log(id)
    );
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn a_command_that_forks_and_hangs_runs_into_the_timeout() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(Duration::from_secs(2)).await;
    let row = house.until_ended(id).await;
    assert_eq!(row.phase, PrebuildPhase::Failed);
    assert!(
        row.failure_message.starts_with("timed out after 2s"),
        "{}",
        row.failure_message
    );
    assert!(row.completion_time.unwrap() >= row.deadline());
    house.assert_nothing_left(&row).await;
    running.stop().await;
}

#[tokio::test]
async fn a_timeout_counts_while_nobody_has_begun() {
    let house = House::new(Some(HANGS)).await;
    let ids = [house.create(HOUR).await, house.create(HOUR).await];
    let running = house.start();
    for id in ids {
        house.until_command_runs(id).await;
    }
    // Both slots are taken by commands that hang.
    let waiting = house.create(Duration::from_millis(200)).await;
    let row = house.until_ended(waiting).await;
    assert_eq!((row.phase, row.attempts), (PrebuildPhase::Failed, 0));
    running.stop().await;
}
