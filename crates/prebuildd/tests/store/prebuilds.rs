//! The API's side of prebuilds.

use ::prebuilds::v1::{PrebuildPhase, prebuild_metadata::PrebuildTrigger};
use prebuildd::{
    domain::{StatusUpdate, new_id},
    store::{Change, Operation, PrebuildFilter, Resource, StoreError, Work},
};
use uuid::Uuid;

use super::{Fixture, Open, at, project, subject};

pub(crate) async fn a_created_prebuild_survives_reopening(open: Open) {
    let f = Fixture::new(open).await;
    let mut written = f.prebuild("2026-11-23T10:20:30.123456789Z".parse().unwrap());
    written.executor = Some(subject(2));
    written.warning_message = "uncommitted changes are left out".into();
    f.store.create_prebuild(&written).await.unwrap();
    assert!(matches!(
        f.store.create_prebuild(&written).await,
        Err(StoreError::AlreadyExists("prebuild"))
    ));
    // A second process sees it at once, and a later one still.
    for _ in 0..2 {
        let store = open(f.dir.path().to_owned()).await;
        let read = store.get_prebuild(f.organization, written.id).await;
        assert_eq!(read.unwrap(), written);
    }
    let mut wrong_class = f.prebuild(at(1));
    wrong_class.environment_class_id = Uuid::from_u128(3);
    assert!(matches!(
        f.store.create_prebuild(&wrong_class).await,
        Err(StoreError::NotFound("environment class"))
    ));
}

pub(crate) async fn nothing_is_visible_to_another_organization(open: Open) {
    let f = Fixture::new(open).await;
    let theirs = f.prebuild_in(PrebuildPhase::Completed).await;
    let store = &f.store;
    let other = store.ensure_organization("other", at(0)).await.unwrap().id;
    let mut intruder = f.prebuild(at(1));
    intruder.organization_id = other;
    let mut update = store.get_project(f.organization, f.project).await.unwrap();
    update.organization_id = other;

    for (id, project) in [
        (theirs.id, f.project),
        (Uuid::from_u128(1), Uuid::from_u128(1)),
    ] {
        update.id = project;
        intruder.project_id = project;
        for (call, error) in [
            ("get", store.get_prebuild(other, id).await.err()),
            ("cancel", store.request_cancel(other, id, at(1)).await.err()),
            ("delete", store.request_delete(other, id, at(1)).await.err()),
            ("create", store.create_prebuild(&intruder).await.err()),
            ("get project", store.get_project(other, project).await.err()),
            (
                "update project",
                store.update_project(&update, at(1)).await.err(),
            ),
            (
                "delete project",
                store.delete_project(other, project, at(1)).await.err(),
            ),
        ] {
            assert!(matches!(error, Some(StoreError::NotFound(_))), "{call}");
        }
        let filter = PrebuildFilter {
            project_ids: vec![project],
            ..Default::default()
        };
        let page = store.list_prebuilds(other, &filter, None, 10).await;
        assert!(page.unwrap().items.is_empty());
        let newest = store.newest_completed(other, project, None).await;
        assert_eq!(newest.unwrap(), None);
    }
    let filter = Default::default();
    let projects = store
        .list_projects(other, &filter, Default::default(), None, 10)
        .await;
    assert!(projects.unwrap().items.is_empty());
    assert_eq!(store.count_projects(other, &filter).await.unwrap(), 0);
    assert_eq!(store.load_prebuild(theirs.id).await.unwrap(), theirs);
}

pub(crate) async fn pages_stay_whole_while_prebuilds_are_added(open: Open) {
    let f = Fixture::new(open).await;
    let mut expected = Vec::new();
    for second in 0..7 {
        expected.push(f.create(at(second)).await.id);
    }
    expected.reverse();
    let (mut listed, mut after, mut second) = (Vec::new(), None, 10);
    loop {
        let page = f
            .store
            .list_prebuilds(f.organization, &Default::default(), after, 3)
            .await
            .unwrap();
        listed.extend(page.items.iter().map(|prebuild| prebuild.id));
        f.create(at(second)).await;
        second += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
}

pub(crate) async fn filters_of_prebuilds_select(open: Open) {
    let f = Fixture::new(open).await;
    let failed = f.prebuild_in(PrebuildPhase::Failed).await;
    f.prebuild_in(PrebuildPhase::Deleted).await;
    let mut scheduled = f.prebuild(at(9));
    scheduled.trigger = PrebuildTrigger::Scheduled;
    scheduled.creator = subject(2);
    scheduled.executor = Some(subject(3));
    f.store.create_prebuild(&scheduled).await.unwrap();
    let both = vec![scheduled.id, failed.id];
    let filter = PrebuildFilter::default;
    for (filter, expected) in [
        (filter(), both.clone()),
        (
            PrebuildFilter {
                project_ids: vec![Uuid::from_u128(1), f.project],
                ..filter()
            },
            both.clone(),
        ),
        (
            PrebuildFilter {
                phases: vec![PrebuildPhase::Failed, PrebuildPhase::Deleted],
                ..filter()
            },
            vec![failed.id],
        ),
        (
            PrebuildFilter {
                triggers: vec![PrebuildTrigger::Scheduled],
                ..filter()
            },
            vec![scheduled.id],
        ),
        (
            PrebuildFilter {
                creator_ids: vec![subject(1).id],
                ..filter()
            },
            vec![failed.id],
        ),
        (
            PrebuildFilter {
                executor_ids: vec![subject(1).id, subject(3).id],
                ..filter()
            },
            both,
        ),
        (
            PrebuildFilter {
                executor_ids: vec![subject(2).id],
                ..filter()
            },
            vec![],
        ),
        (
            PrebuildFilter {
                phases: vec![PrebuildPhase::Failed],
                creator_ids: vec![subject(2).id],
                ..filter()
            },
            vec![],
        ),
    ] {
        let page = f
            .store
            .list_prebuilds(f.organization, &filter, None, 10)
            .await
            .unwrap();
        let ids: Vec<_> = page.items.iter().map(|prebuild| prebuild.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
}

pub(crate) async fn cancel_and_delete_answer_by_phase(open: Open) {
    use PrebuildPhase::*;
    // From each phase: what it is after a cancel (none: refused), and after a delete instead.
    for (phase, after_cancel, after_delete) in [
        (Pending, Some(Cancelling), Cancelling),
        (Starting, Some(Cancelling), Cancelling),
        (Running, Some(Cancelling), Cancelling),
        (Stopping, Some(Cancelling), Cancelling),
        (Snapshotting, Some(Cancelling), Cancelling),
        (Completed, None, Deleting),
        (Failed, None, Deleting),
        (Cancelling, Some(Cancelling), Cancelling),
        (Cancelled, Some(Cancelled), Deleting),
        (Deleting, None, Deleting),
        (Deleted, None, Deleted),
    ] {
        let f = Fixture::new(open).await;
        let before = f.prebuild_in(phase).await;
        for _ in 0..2 {
            let answer = f
                .store
                .request_cancel(f.organization, before.id, at(8))
                .await;
            match (answer, after_cancel) {
                (Ok(row), Some(after)) => {
                    let changed = u64::from(phase != after);
                    assert_eq!(row.phase, after, "{phase:?}");
                    assert_eq!(row.desired_phase, Cancelled);
                    assert_eq!(row.spec_version, before.spec_version + changed);
                    assert_eq!(row.status_version, before.status_version + changed);
                    assert_eq!(f.store.load_prebuild(before.id).await.unwrap(), row);
                }
                (Err(StoreError::NotCancellable(error)), None) => {
                    assert!(error.to_string().ends_with(phase.name()), "{error}");
                }
                (Err(StoreError::NotFound(_)), None) if phase == Deleted => {}
                (answer, _) => panic!("{phase:?}: {answer:?}"),
            }
        }

        let f = Fixture::new(open).await;
        let before = f.prebuild_in(phase).await;
        for _ in 0..2 {
            f.store
                .request_delete(f.organization, before.id, at(8))
                .await
                .unwrap();
            let row = f.store.load_prebuild(before.id).await.unwrap();
            assert_eq!(row.phase, after_delete, "{phase:?}");
            assert_eq!(row.desired_phase, Deleted);
            let asked = u64::from(before.desired_phase != Deleted);
            assert_eq!(row.spec_version, before.spec_version + asked);
        }
        if phase != Deleted {
            let mut row = f.claim(Work::End, at(100)).await;
            if row.phase == Cancelling {
                row = f.report(&row, StatusUpdate::FinishCancel).await;
                row = f.report(&row, StatusUpdate::BeginDelete).await;
            }
            f.report(&row, StatusUpdate::FinishDelete).await;
        }
        let gone = f.store.get_prebuild(f.organization, before.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound("prebuild"))));
        f.store
            .request_delete(f.organization, before.id, at(9))
            .await
            .unwrap();
    }
}

pub(crate) async fn the_newest_completed_prebuild_is_found(open: Open) {
    let f = Fixture::new(open).await;
    let find = async |class| {
        f.store
            .newest_completed(f.organization, f.project, class)
            .await
            .unwrap()
            .map(|prebuild| prebuild.id)
    };
    assert_eq!(find(None).await, None);
    let old = f.prebuild_in(PrebuildPhase::Completed).await.id;
    let new = f.prebuild_in(PrebuildPhase::Completed).await.id;
    f.prebuild_in(PrebuildPhase::Failed).await;
    let (old, new) = (old.min(new), old.max(new));
    assert_eq!(find(None).await, Some(new));
    assert_eq!(find(Some(f.class)).await, Some(new));
    assert_eq!(find(Some(Uuid::from_u128(1))).await, None);
    f.store
        .request_delete(f.organization, new, at(9))
        .await
        .unwrap();
    assert_eq!(find(None).await, Some(old));
}

pub(crate) async fn changes_are_reported_after_they_are_durable(open: Open) {
    let f = Fixture::new(open).await;
    let mut feed = f.store.subscribe();
    let created = f.create(at(1)).await;
    let row = f.claim(Work::Build, at(1)).await;
    let begin = StatusUpdate::BeginAttempt {
        environment_id: new_id(at(1)),
    };
    f.report(&row, begin).await;
    let stale = f
        .store
        .update_status(row.id, row.epoch, 1, StatusUpdate::FinishCancel, at(1))
        .await;
    assert!(matches!(stale, Err(StoreError::Conflict)));
    for _ in 0..2 {
        f.store
            .request_cancel(f.organization, row.id, at(2))
            .await
            .unwrap();
    }
    let project = project(f.organization, "new", at(3));
    f.store.create_project(&project).await.unwrap();
    let change = |resource, id, operation| Change {
        organization_id: f.organization,
        resource,
        id,
        operation,
    };
    for expected in [
        change(Resource::Prebuild, created.id, Operation::Create),
        change(Resource::Prebuild, created.id, Operation::UpdateStatus),
        change(Resource::Prebuild, created.id, Operation::Update),
        change(Resource::Project, project.id, Operation::Create),
    ] {
        assert_eq!(feed.try_recv().unwrap(), expected);
    }
    assert!(feed.try_recv().is_err());
}
