//! Projects.

use std::time::Duration;

use prebuildd::{
    domain::{Editor, Initializer, PrebuildConfiguration},
    store::{Order, ProjectFilter, ProjectKey, ProjectSort, StoreError},
};
use uuid::Uuid;

use super::{Fixture, Open, at, project, subject};

pub(crate) async fn projects_come_back_as_they_were_written(open: Open) {
    let f = Fixture::new(open).await;
    let mut written = project(f.organization, "full", at(1));
    written.initializer = Initializer::ContextUrl {
        url: "https://example.com/full".into(),
    };
    written.devcontainer_file_path = "a/devcontainer.json".into();
    written.automations_file_path = "b.yaml".into();
    written.technical_description = "text".into();
    written.environment_classes = vec![Uuid::from_u128(2), Uuid::from_u128(1)];
    written.prebuild_configuration = Some(PrebuildConfiguration {
        enabled: true,
        environment_class_ids: vec![f.class],
        timeout: Some(Duration::new(300, 1)),
        daily_schedule_hour_utc: Some(23),
        executor: Some(subject(4)),
        enable_jetbrains_warmup: true,
    });
    written.recommended_editors = vec![Editor {
        name: "vscode".into(),
        versions: vec!["1".into()],
    }];
    f.store.create_project(&written).await.unwrap();
    let read = f.store.get_project(f.organization, written.id).await;
    assert_eq!(read.unwrap(), written);
    assert!(matches!(
        f.store.create_project(&written).await,
        Err(StoreError::AlreadyExists("project"))
    ));

    f.store
        .delete_project(f.organization, written.id, at(2))
        .await
        .unwrap();
    for gone in [
        f.store.get_project(f.organization, written.id).await.err(),
        f.store.update_project(&written, at(3)).await.err(),
        f.store
            .delete_project(f.organization, written.id, at(3))
            .await
            .err(),
    ] {
        assert!(matches!(gone, Some(StoreError::NotFound("project"))));
    }
    let mut orphan = f.prebuild(at(3));
    orphan.project_id = written.id;
    assert!(matches!(
        f.store.create_prebuild(&orphan).await,
        Err(StoreError::NotFound("project"))
    ));
}

pub(crate) async fn a_project_is_updated_by_one_of_two_writers(open: Open) {
    let f = Fixture::new(open).await;
    let mut first = f
        .store
        .get_project(f.organization, f.project)
        .await
        .unwrap();
    let mut second = first.clone();
    first.name = "first".into();
    second.name = "second".into();
    let (a, b) = tokio::join!(
        f.store.update_project(&first, at(2)),
        f.store.update_project(&second, at(2))
    );
    let (Ok(winner), Err(StoreError::Conflict)) = (if a.is_ok() { (a, b) } else { (b, a) }) else {
        panic!("exactly one wins");
    };
    assert_eq!((winner.version, winner.updated_at), (2, at(2)));
    assert_eq!(
        f.store
            .get_project(f.organization, f.project)
            .await
            .unwrap(),
        winner
    );
}

pub(crate) async fn pages_of_projects_are_whole_in_every_order(open: Open) {
    let f = Fixture::new(open).await;
    for (second, name) in ["c", "a", "b", "a"].into_iter().enumerate() {
        let project = project(f.organization, name, at(1 + second as i64));
        f.store.create_project(&project).await.unwrap();
    }
    let all = ProjectFilter::default();
    for (key, order, expected) in [
        (ProjectKey::Created, Order::Ascending, "app c a b a"),
        (ProjectKey::Created, Order::Descending, "a b a c app"),
        (ProjectKey::Name, Order::Ascending, "a a app b c"),
        (ProjectKey::Name, Order::Descending, "c b app a a"),
    ] {
        for limit in 1..=6 {
            let (mut names, mut ids, mut after) = (Vec::new(), Vec::new(), None);
            loop {
                let page = f
                    .store
                    .list_projects(
                        f.organization,
                        &all,
                        ProjectSort { key, order },
                        after.as_ref(),
                        limit,
                    )
                    .await
                    .unwrap();
                assert!(page.items.len() <= limit);
                ids.extend(page.items.iter().map(|project| project.id));
                names.extend(page.items.into_iter().map(|project| project.name));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(names.join(" "), expected, "{key:?} {order:?} by {limit}");
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 5);
        }
    }
    assert_eq!(
        f.store.count_projects(f.organization, &all).await.unwrap(),
        5
    );
}

pub(crate) async fn filters_of_projects_select(open: Open) {
    let f = Fixture::new(open).await;
    let mut web = project(f.organization, "Web 100%", at(1));
    web.creator = subject(2);
    f.store.create_project(&web).await.unwrap();
    let filter = ProjectFilter::default;
    for (filter, expected) in [
        (filter(), 2),
        (
            ProjectFilter {
                ids: vec![web.id, Uuid::from_u128(9)],
                ..filter()
            },
            1,
        ),
        (
            ProjectFilter {
                search: "wEB".into(),
                ..filter()
            },
            1,
        ),
        (
            ProjectFilter {
                search: "EXAMPLE.com/app".into(),
                ..filter()
            },
            1,
        ),
        (
            ProjectFilter {
                search: "%".into(),
                ..filter()
            },
            1,
        ),
        (
            ProjectFilter {
                repositories: vec!["https://example.com/app.git".into()],
                ..filter()
            },
            1,
        ),
        (
            ProjectFilter {
                creator_ids: vec![subject(1).id, subject(2).id],
                ..filter()
            },
            2,
        ),
        (
            ProjectFilter {
                search: "app".into(),
                creator_ids: vec![subject(2).id],
                ..filter()
            },
            0,
        ),
    ] {
        let page = f
            .store
            .list_projects(f.organization, &filter, Default::default(), None, 10)
            .await
            .unwrap();
        assert_eq!(page.items.len(), expected, "{filter:?}");
        let count = f.store.count_projects(f.organization, &filter).await;
        assert_eq!(count.unwrap(), expected as u64, "{filter:?}");
    }
}
