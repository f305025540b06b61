//! `FieldMask`: paths in snake case, JSON in camel case, and nothing that changes on the way.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pbjson_wkt::{FieldMask, FieldMaskError};
use proptest::prelude::*;
use prost::Message as _;

#[test]
fn paths_and_json_correspond() {
    for (paths, json) in [
        (&[][..], ""),
        (&["id"], "id"),
        (&["desired_phase"], "desiredPhase"),
        (&["metadata.project_id", "spec"], "metadata.projectId,spec"),
        (&["a_b_c"], "aBC"),
        (&["_a"], "A"),
        (&["a._b"], "a.B"),
        (&["v2_name"], "v2Name"),
        (&["größe"], "größe"),
    ] {
        let mask = FieldMask::new(paths.iter().copied()).unwrap();
        assert!(mask.is_valid());
        assert_eq!(mask.to_string(), json);
        assert_eq!(json.parse(), Ok(mask.clone()));
        let quoted = format!("\"{json}\"");
        assert_eq!(serde_json::to_string(&mask).unwrap(), quoted);
        assert_eq!(serde_json::from_str::<FieldMask>(&quoted).unwrap(), mask);
        assert_eq!(FieldMask::decode(mask.encode_to_vec().as_slice()), Ok(mask));
    }
}

#[test]
fn what_would_not_come_back_the_same_has_no_json() {
    for path in [
        "",
        "Id",
        "desiredPhase",
        "a__b",
        "a_",
        "_",
        "a_1",
        "a_.b",
        "a_B",
        "a,b",
        "a_ö",
    ] {
        let error = FieldMask::new(["id", path]).unwrap_err();
        assert_eq!(
            error,
            FieldMaskError::NoJsonForm {
                path: path.to_owned()
            }
        );
        let mask = FieldMask {
            paths: vec![path.to_owned()],
        };
        assert!(!mask.is_valid());
        let message = serde_json::to_string(&mask).unwrap_err().to_string();
        assert!(
            message.contains("has no JSON form: write it in lower snake case"),
            "{message}"
        );
        assert_eq!(mask.to_string(), format!("invalid field mask: {error}"));
    }
}

#[test]
fn refuses_json_that_no_mask_would_print() {
    for text in ["desired_phase", "a,", ",a", "a,,b", ","] {
        let error = text.parse::<FieldMask>().unwrap_err();
        assert!(matches!(error, FieldMaskError::Malformed { .. }), "{text}");
        assert!(serde_json::from_str::<FieldMask>(&format!("\"{text}\"")).is_err());
    }
    for json in ["null", "1", r#"["a"]"#, r#"{"paths":["a"]}"#] {
        assert!(serde_json::from_str::<FieldMask>(json).is_err(), "{json}");
    }
}

proptest! {
    #[test]
    fn every_mask_is_refused_or_comes_back_the_same(
        paths in prop::collection::vec("[a-zA-Z_.,0-9ö]{0,6}|[a-z]{1,3}(_[a-z]{1,3}){0,2}", 0..4),
    ) {
        let mask = FieldMask { paths };
        match serde_json::to_string(&mask) {
            Ok(json) => prop_assert_eq!(serde_json::from_str::<FieldMask>(&json).unwrap(), mask),
            Err(_) => prop_assert!(!mask.is_valid()),
        }
    }

    #[test]
    fn every_text_is_refused_or_comes_back_the_same(text in "[a-zA-Z_.,0-9ö]{0,12}") {
        if let Ok(mask) = text.parse::<FieldMask>() {
            prop_assert_eq!(mask.to_string(), text);
        }
    }
}
