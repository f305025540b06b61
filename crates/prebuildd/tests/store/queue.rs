//! The controller's side of prebuilds.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use ::prebuilds::v1::PrebuildPhase;
use prebuildd::{
    domain::{RefusedUpdate, StatusUpdate, new_id},
    store::{StoreError, Work},
};
use uuid::Uuid;

use super::{Fixture, LEASE, Open, at, project};

fn begin(environment: u128) -> StatusUpdate {
    StatusUpdate::BeginAttempt {
        environment_id: Uuid::from_u128(environment),
    }
}

pub(crate) async fn one_of_two_writers_wins(open: Open) {
    let f = Fixture::new(open).await;
    f.create(at(0)).await;
    let row = f.claim(Work::Build, at(1)).await;
    let other = open(f.dir.path().to_owned()).await;
    let version = row.status_version;
    let (a, b) = tokio::join!(
        f.store
            .update_status(row.id, row.epoch, version, begin(1), at(2)),
        other.update_status(row.id, row.epoch, version, begin(2), at(2)),
    );
    let (Ok(winner), Err(StoreError::Conflict)) = (if a.is_ok() { (a, b) } else { (b, a) }) else {
        panic!("exactly one wins");
    };
    assert_eq!(winner.status_version, version + 1);
    assert_eq!(winner.phase, PrebuildPhase::Starting);
    assert_eq!(f.store.load_prebuild(row.id).await.unwrap(), winner);

    // A cancel in between makes the version stale as well.
    f.store
        .request_cancel(f.organization, row.id, at(3))
        .await
        .unwrap();
    let advance = StatusUpdate::Advance(PrebuildPhase::Running);
    let late = f
        .store
        .update_status(row.id, row.epoch, winner.status_version, advance, at(4))
        .await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    // What does not fit is refused, and changes nothing.
    let now = f.store.load_prebuild(row.id).await.unwrap();
    let complete = StatusUpdate::Complete {
        snapshot_size_bytes: 1,
    };
    let refused = f
        .store
        .update_status(row.id, row.epoch, now.status_version, complete, at(4))
        .await;
    assert!(matches!(
        refused,
        Err(StoreError::RefusedUpdate(RefusedUpdate::Transition { .. }))
    ));
    assert_eq!(f.store.load_prebuild(row.id).await.unwrap(), now);
}

pub(crate) async fn an_old_epoch_cannot_write(open: Open) {
    let f = Fixture::new(open).await;
    f.create(at(0)).await;
    let old = f.claim(Work::Build, at(1)).await;
    let held = f
        .store
        .claim(Work::Build, new_id(at(1)), at(30), LEASE, 9)
        .await;
    assert!(held.unwrap().is_empty(), "held until second 31");
    let renewed = f
        .store
        .renew(old.id, old.epoch, at(30), LEASE)
        .await
        .unwrap();
    assert_eq!(renewed.lease.unwrap().expires_at, at(60));

    let new = f.claim(Work::Build, at(60)).await;
    assert_eq!(new.epoch, old.epoch + 1);
    let refused = async |epoch| {
        let version = f.store.load_prebuild(old.id).await.unwrap().status_version;
        let write = f
            .store
            .update_status(old.id, epoch, version, begin(1), at(61))
            .await;
        assert!(matches!(write, Err(StoreError::Conflict)));
        let renew = f.store.renew(old.id, epoch, at(61), LEASE).await;
        assert!(matches!(renew, Err(StoreError::Conflict)));
    };
    refused(old.epoch).await;
    f.store.release(old.id, old.epoch).await.unwrap();
    let row = f.report(&new, begin(2)).await;

    f.store.release(row.id, row.epoch).await.unwrap();
    refused(row.epoch).await;
    let again = f.claim(Work::Build, at(62)).await;
    assert_eq!(again.epoch, row.epoch + 1);
    assert_eq!(f.store.void_leases().await.unwrap(), 1);
    refused(again.epoch).await;
    assert_eq!(f.claim(Work::Build, at(62)).await.epoch, again.epoch + 1);
}

pub(crate) async fn concurrent_claims_give_each_row_to_one_owner(open: Open) {
    const ROWS: usize = 40;
    let f = Fixture::new(open).await;
    for second in 0..ROWS {
        f.create(at(second as i64)).await;
    }
    let claimers = (0..8).map(|number: u128| {
        let (dir, shared) = (f.dir.path().to_owned(), f.store.clone());
        tokio::spawn(async move {
            // Half of the claimers are processes of their own.
            let store = if number.is_multiple_of(2) {
                shared
            } else {
                open(dir).await
            };
            let mut mine = Vec::new();
            loop {
                let owner = Uuid::from_u128(number);
                let rows = store
                    .claim(Work::Build, owner, at(100), LEASE, 3)
                    .await
                    .unwrap();
                if rows.is_empty() {
                    return mine;
                }
                for row in rows {
                    assert_eq!((row.epoch, row.lease.unwrap().owner), (1, owner));
                    mine.push(row.id);
                }
            }
        })
    });
    let mut claimed: Vec<Uuid> = Vec::new();
    for mine in futures_util::future::join_all(claimers).await {
        claimed.extend(mine.unwrap());
    }
    assert_eq!(claimed.len(), ROWS);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), ROWS);
}

pub(crate) async fn projects_take_turns(open: Open) {
    let f = Fixture::new(open).await;
    for second in 0..5 {
        f.create(at(second)).await;
    }
    let small = project(f.organization, "small", at(0));
    f.store.create_project(&small).await.unwrap();
    for second in 10..12 {
        let mut prebuild = f.prebuild(at(second));
        prebuild.project_id = small.id;
        f.store.create_prebuild(&prebuild).await.unwrap();
    }
    let claim = async |limit| {
        let rows = f
            .store
            .claim(Work::Build, new_id(at(20)), at(20), LEASE, limit)
            .await
            .unwrap();
        let name = HashMap::from([(f.project, 'A'), (small.id, 'b')]);
        rows.iter()
            .map(|row| name[&row.project_id])
            .collect::<String>()
    };
    assert_eq!(claim(0).await, "");
    assert_eq!(claim(1).await, "A");
    // The first project has one in work, so its next comes after the other's first.
    assert_eq!(claim(2).await, "bA");
    assert_eq!(claim(9).await, "bAAA");
}

pub(crate) async fn work_is_offered_by_kind(open: Open) {
    use PrebuildPhase::*;
    for (phase, build, end) in [
        (Pending, 1, 0),
        (Snapshotting, 1, 0),
        (Completed, 0, 0),
        (Failed, 0, 0),
        (Cancelling, 0, 1),
        (Cancelled, 0, 0),
        (Deleting, 0, 1),
        (Deleted, 0, 0),
    ] {
        let f = Fixture::new(open).await;
        f.prebuild_in(phase).await;
        let in_progress = build > 0;
        let late = 3600;
        for (work, now, expected) in [
            (Work::Build, at(late - 1), build),
            (Work::End, at(late - 1), end),
            // At its deadline a prebuild in progress is to be ended.
            (Work::Build, at(late + 100), 0),
            (Work::End, at(late + 100), end + usize::from(in_progress)),
        ] {
            let claimed = f
                .store
                .claim(work, new_id(now), now, Duration::from_secs(9), 9)
                .await
                .unwrap();
            assert_eq!(claimed.len(), expected, "{phase:?} {work:?}");
        }
    }
}

pub(crate) async fn the_next_deadline_is_the_earliest_instant_to_look_again(open: Open) {
    let f = Fixture::new(open).await;
    assert_eq!(f.store.next_deadline(at(0)).await.unwrap(), None);
    f.create(at(0)).await;
    assert_eq!(
        f.store.next_deadline(at(0)).await.unwrap(),
        Some(at(3600)),
        "its timeout"
    );
    let row = f.claim(Work::Build, at(1)).await;
    assert_eq!(
        f.store.next_deadline(at(1)).await.unwrap(),
        Some(at(31)),
        "its lease"
    );
    assert_eq!(f.store.next_deadline(at(31)).await.unwrap(), Some(at(3600)));
    assert_eq!(f.store.next_deadline(at(3600)).await.unwrap(), None);
    let fail = StatusUpdate::Fail {
        message: "broken".into(),
    };
    f.report(&row, fail).await;
    assert_eq!(f.store.next_deadline(at(1)).await.unwrap(), None);
}

pub(crate) async fn what_is_in_use_is_kept(open: Open) {
    use PrebuildPhase::*;
    for (phase, snapshot, environment) in [
        (Pending, true, false),
        (Running, true, true),
        (Snapshotting, true, true),
        (Completed, true, false),
        (Failed, false, false),
        (Cancelled, false, false),
        (Deleting, true, false),
        (Deleted, false, false),
    ] {
        let f = Fixture::new(open).await;
        let id = f.prebuild_in(phase).await.id;
        let asked: Vec<_> = (0..1200).map(Uuid::from_u128).chain([id]).collect();
        let kept = f.store.snapshots_in_use(&asked).await.unwrap();
        assert_eq!(kept, snapshot.then_some(id).into_iter().collect());
        let environments = f.store.environments_in_use().await.unwrap();
        assert_eq!(environments.len(), usize::from(environment), "{phase:?}");
    }
}
