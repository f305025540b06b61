//! What is deleted is gone, with all that it left.

use jiff::Timestamp;
use prebuildd::store::Prebuilds as _;
use prebuilds::v1::PrebuildPhase;
use uuid::Uuid;

use crate::house::{HANGS, HOUR, House};

/// Asks for the deletion of a prebuild and waits for it.
async fn delete(house: &House, id: Uuid) {
    house
        .store
        .request_delete(house.project.organization_id, id, Timestamp::now())
        .await
        .unwrap();
    house
        .until(id, |row| row.phase == PrebuildPhase::Deleted)
        .await;
}

#[tokio::test]
async fn a_running_prebuild_is_deleted_with_all_that_it_left() {
    let house = House::new(Some(HANGS)).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    let seen = house.until_command_runs(id).await;
    delete(&house, id).await;
    house.assert_nothing_left(&seen).await;
    assert!(!house.fixture.logs.exists(id));
    running.stop().await;
}

#[tokio::test]
async fn a_completed_prebuild_is_deleted_with_its_snapshot() {
    let house = House::new(None).await;
    let running = house.start();
    let id = house.create(HOUR).await;
    house.until_ended(id).await;
    delete(&house, id).await;
    assert!(house.snapshots.manifest(id).await.unwrap().is_none());
    assert_eq!(
        house.snapshots.prebuild_ids().await.unwrap(),
        Vec::<Uuid>::new()
    );
    running.stop().await;
}
