//! The rules of the schema, compiled: each bad value is named with its field, value and remedy.

use prebuilds::v1::environment_initializer::{self, spec};
use prebuilds::v1::{
    self, CreatePrebuildRequest, CreateProjectRequest, CreateWarmPoolRequest,
    EnvironmentInitializer, GitInitializer, ListPrebuildsRequest, PaginationRequest, PrebuildSpec,
    UpdateProjectRequest, UpdateWarmPoolRequest, WatchEventsRequest, list_prebuilds_request,
};
use tonic_connect::validate::Validate;

const ID: &str = "01980d0c-28a6-7c6b-8f0d-5a1e6f1a2b3c";

fn seconds(seconds: i64) -> Option<pbjson_wkt::Duration> {
    Some(pbjson_wkt::Duration { seconds, nanos: 0 })
}

fn create(timeout: Option<pbjson_wkt::Duration>) -> CreatePrebuildRequest {
    CreatePrebuildRequest {
        project_id: ID.to_owned(),
        environment_class_id: None,
        spec: Some(PrebuildSpec {
            timeout,
            ..Default::default()
        }),
    }
}

fn project(initializer: Option<spec::Spec>) -> CreateProjectRequest {
    CreateProjectRequest {
        name: "demo".to_owned(),
        initializer: Some(EnvironmentInitializer {
            specs: vec![environment_initializer::Spec { spec: initializer }],
        }),
        ..Default::default()
    }
}

#[test]
fn valid_messages_pass() {
    let git = spec::Spec::Git(GitInitializer::default());
    let cases: [&dyn Validate; 8] = [
        &create(None),
        &create(seconds(300)),
        &create(seconds(7200)),
        &project(Some(git)),
        &CreateWarmPoolRequest {
            project_id: ID.into(),
            environment_class_id: ID.into(),
            ..Default::default()
        },
        &ListPrebuildsRequest::default(),
        &v1::Subject::default(),
        &UpdateProjectRequest {
            project_id: ID.into(),
            devcontainer_file_path: Some(String::new()),
            ..Default::default()
        },
    ];
    for (index, message) in cases.iter().enumerate() {
        assert_eq!(message.validate(), Ok(()), "case {index}");
    }
}

#[test]
fn each_violation_names_field_value_and_remedy() {
    let filter = list_prebuilds_request::Filter {
        project_ids: vec![ID.to_owned(), "nope".to_owned()],
        phases: vec![10, 11],
        ..Default::default()
    };
    let cases: Vec<(Box<dyn Validate>, &str)> = vec![
        (
            Box::new(CreatePrebuildRequest::default()),
            "project_id: is required; spec: is required",
        ),
        (
            Box::new(CreatePrebuildRequest {
                project_id: "abc".into(),
                ..create(None)
            }),
            "project_id: \"abc\" is not a UUID of 36 characters",
        ),
        (
            Box::new(CreatePrebuildRequest {
                environment_class_id: Some(String::new()),
                ..create(None)
            }),
            "environment_class_id: \"\" is not a UUID of 36 characters",
        ),
        (
            Box::new(create(seconds(299))),
            "spec.timeout: 299s is below the minimum of 300s",
        ),
        (
            Box::new(create(Some(pbjson_wkt::Duration {
                seconds: 7200,
                nanos: 1,
            }))),
            "spec.timeout: 7200.000000001s is above the maximum of 7200s",
        ),
        (
            Box::new(create(Some(pbjson_wkt::Duration {
                seconds: 600,
                nanos: -1,
            }))),
            "spec.timeout: 600 seconds and -1 nanoseconds are not a duration",
        ),
        (
            Box::new(create(Some(pbjson_wkt::Duration {
                seconds: i64::MIN,
                nanos: i32::MIN,
            }))),
            "spec.timeout: -9223372036854775808 seconds and -2147483648 nanoseconds are not a duration",
        ),
        (
            Box::new(ListPrebuildsRequest {
                filter: Some(filter),
                ..Default::default()
            }),
            "filter.project_ids[1]: \"nope\" is not a UUID of 36 characters; \
             filter.phases[1]: 11 is not a value of PrebuildPhase",
        ),
        (
            Box::new(list_prebuilds_request::Filter {
                project_ids: vec![ID.to_owned(); 26],
                ..Default::default()
            }),
            "project_ids: has 26 entries, at most 25 are allowed",
        ),
        (
            Box::new(PaginationRequest {
                page_size: 101,
                token: String::new(),
            }),
            "page_size: 101 is above the maximum of 100",
        ),
        (
            Box::new(PaginationRequest {
                page_size: -1,
                token: String::new(),
            }),
            "page_size: -1 is below the minimum of 0",
        ),
        (
            Box::new(project(None)),
            "initializer.specs[0].spec: one of git, context_url is required",
        ),
        (
            Box::new(project(Some(spec::Spec::ContextUrl(
                v1::ContextUrlInitializer {
                    url: "no uri".into(),
                },
            )))),
            "initializer.specs[0].context_url.url: \"no uri\" is not a URI: write it like https://host/path",
        ),
        (
            Box::new(CreateProjectRequest {
                name: "x".repeat(81),
                ..project(Some(spec::Spec::Git(GitInitializer::default())))
            }),
            "name: has 81 characters, at most 80 are allowed",
        ),
        (
            Box::new(UpdateProjectRequest {
                project_id: ID.into(),
                devcontainer_file_path: Some("/etc/passwd".into()),
                ..Default::default()
            }),
            "devcontainer_file_path: \"/etc/passwd\" path must not be absolute (start with a /)",
        ),
        #[allow(deprecated)]
        (
            Box::new(UpdateWarmPoolRequest {
                warm_pool_id: ID.into(),
                desired_size: Some(0),
                ..Default::default()
            }),
            "desired_size: 0 is below the minimum of 1",
        ),
        (
            Box::new(WatchEventsRequest {
                resource_type_filters: vec![v1::watch_events_request::ResourceTypeFilter::default()],
                ..Default::default()
            }),
            "resource_type_filters[0].resource_type: 0 is not allowed",
        ),
    ];
    for (message, expected) in cases {
        let found = message
            .validate()
            .map_err(|violations| violations.to_string());
        assert_eq!(found, Err(expected.to_owned()));
    }
}

#[test]
fn long_values_and_long_lists_of_violations_are_cut() {
    let filter = list_prebuilds_request::Filter {
        project_ids: vec!["ü".repeat(10_000); 5_000],
        ..Default::default()
    };
    let violations = filter.validate().unwrap_err();
    assert_eq!(
        violations.iter().count(),
        tonic_connect::validate::MAX_VIOLATIONS
    );
    assert!(violations.to_string().len() < 10_000);
}
