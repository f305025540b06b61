//! Messages in proto JSON, as the public documentation and the official clients write them.

use prebuilds::v1::watch_events_request::Scope;
use prebuilds::v1::{CreatePrebuildRequest, Prebuild, PrebuildPhase, WatchEventsRequest};
use prost::Message as _;

/// The shape of the documentation's example, with numbers where numbers belong.
const PREBUILD: &str = r#"{
  "id": "01980d0c-28a6-7c6b-8f0d-5a1e6f1a2b3c",
  "metadata": {
    "organizationId": "01980d0c-28a6-7c6b-8f0d-000000000001",
    "projectId": "01980d0c-28a6-7c6b-8f0d-000000000002",
    "environmentClassId": "01980d0c-28a6-7c6b-8f0d-000000000003",
    "creator": {"id": "01980d0c-28a6-7c6b-8f0d-000000000004", "principal": "PRINCIPAL_USER"},
    "createdAt": "2019-12-27T18:11:19.117Z",
    "updatedAt": "2019-12-27T18:11:19.117Z",
    "triggeredBy": "PREBUILD_TRIGGER_MANUAL"
  },
  "spec": {"specVersion": "1", "desiredPhase": "PREBUILD_PHASE_COMPLETED", "timeout": "3600s"},
  "status": {
    "phase": "PREBUILD_PHASE_COMPLETED",
    "completionTime": "2019-12-27T18:12:19.117000001Z",
    "logUrl": "http://127.0.0.1:8080/logs/x",
    "statusVersion": "18446744073709551615",
    "snapshotCompletionPercentage": 100,
    "snapshotSizeBytes": "9007199254740993"
  }
}"#;

#[test]
fn the_documented_prebuild_survives_json_and_binary() {
    let prebuild: Prebuild = serde_json::from_str(PREBUILD).unwrap();
    let status = prebuild.status.as_ref().unwrap();
    assert_eq!(status.phase(), PrebuildPhase::Completed);
    assert_eq!(status.snapshot_size_bytes, 9_007_199_254_740_993);

    let expected: serde_json::Value = serde_json::from_str(PREBUILD).unwrap();
    assert_eq!(serde_json::to_value(&prebuild).unwrap(), expected);

    let bytes = prebuild.encode_to_vec();
    assert_eq!(Prebuild::decode(bytes.as_slice()).unwrap(), prebuild);
}

#[test]
fn what_official_clients_send_is_read() {
    let cases = [
        (r#"{"projectId":"p","spec":{}}"#, None),
        (
            r#"{"project_id":"p","spec":{"timeout":"3600s"}}"#,
            Some((3600, 0)),
        ),
        (
            r#"{"projectId":"p","spec":{"timeout":"+9125115.360s"}}"#,
            Some((9_125_115, 360_000_000)),
        ),
        (
            r#"{"projectId":"p","spec":{"timeout":null},"someFieldOfTomorrow":[1,{"a":2}]}"#,
            None,
        ),
    ];
    for (json, timeout) in cases {
        let request: CreatePrebuildRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.project_id, "p");
        let parsed = request.spec.unwrap().timeout;
        assert_eq!(
            parsed.map(|timeout| (timeout.seconds, timeout.nanos)),
            timeout,
            "{json}"
        );
    }
}

#[test]
fn what_is_wrong_is_refused() {
    for json in [
        r#"{"projectId":5}"#,
        r#"{"spec":{"timeout":3600}}"#,
        r#"{"spec":{"timeout":"1h"}}"#,
        r#"{"spec":{"timeout":"--9223372036854775808s"}}"#,
        r#"{"spec":{"desiredPhase":"PREBUILD_PHASE_NO_SUCH"}}"#,
        r#"{"projectId":"p""#,
    ] {
        assert!(
            serde_json::from_str::<CreatePrebuildRequest>(json).is_err(),
            "{json}"
        );
    }
}

#[test]
fn a_field_twice_and_two_fields_of_a_oneof_are_refused() {
    for (json, message) in [
        (
            r#"{"organization":true,"organization":true}"#,
            "duplicate field `organization`",
        ),
        (
            r#"{"environmentId":"e","environment_id":"e"}"#,
            "duplicate field `environmentId`",
        ),
        (
            r#"{"environmentId":null,"environmentId":"e"}"#,
            "duplicate field `environmentId`",
        ),
        (
            r#"{"organization":true,"environmentId":"e"}"#,
            "belongs to a oneof",
        ),
        (
            r#"{"environmentId":"","organization":false}"#,
            "belongs to a oneof",
        ),
        (
            r#"{"resourceTypeFilters":[],"resourceTypeFilters":[]}"#,
            "duplicate field",
        ),
    ] {
        let error = serde_json::from_str::<WatchEventsRequest>(json).unwrap_err();
        assert!(error.to_string().contains(message), "{json}: {error}");
    }
    // `null` leaves a field of a oneof unset.
    let request: WatchEventsRequest =
        serde_json::from_str(r#"{"organization":null,"environmentId":"e"}"#).unwrap();
    assert_eq!(request.scope, Some(Scope::EnvironmentId("e".to_owned())));
}
