//! The messages as somebody would write them for serde, without protobuf: times stay strings.

use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListPrebuildsResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<PaginationResponse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prebuilds: Vec<Prebuild>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PaginationResponse {
    #[serde(skip_serializing_if = "String::is_empty")]
    next_token: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Prebuild {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Spec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    organization_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    project_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    environment_class_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    triggered_by: Trigger,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<Subject>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subject {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "is_default")]
    principal: Principal,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(with = "digits", skip_serializing_if = "is_default")]
    spec_version: u64,
    #[serde(skip_serializing_if = "is_default")]
    desired_phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    #[serde(skip_serializing_if = "is_default")]
    phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    failure_message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    log_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    environment_id: String,
    #[serde(with = "digits", skip_serializing_if = "is_default")]
    status_version: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    warning_message: String,
    #[serde(skip_serializing_if = "is_default")]
    snapshot_completion_percentage: i32,
    #[serde(with = "digits", skip_serializing_if = "is_default")]
    snapshot_size_bytes: i64,
}

macro_rules! enums {
    ($($name:ident: $first:ident = $first_name:literal $(, $value:ident = $value_name:literal)*;)*) => {$(
        #[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        enum $name {
            #[default]
            #[serde(rename = $first_name)]
            $first,
            $(#[serde(rename = $value_name)] $value,)*
        }
    )*};
}

enums! {
    Trigger: Unspecified = "PREBUILD_TRIGGER_UNSPECIFIED", Manual = "PREBUILD_TRIGGER_MANUAL",
        Scheduled = "PREBUILD_TRIGGER_SCHEDULED";
    Principal: Unspecified = "PRINCIPAL_UNSPECIFIED", Account = "PRINCIPAL_ACCOUNT",
        User = "PRINCIPAL_USER", Runner = "PRINCIPAL_RUNNER",
        Environment = "PRINCIPAL_ENVIRONMENT", ServiceAccount = "PRINCIPAL_SERVICE_ACCOUNT";
    Phase: Unspecified = "PREBUILD_PHASE_UNSPECIFIED", Pending = "PREBUILD_PHASE_PENDING",
        Starting = "PREBUILD_PHASE_STARTING", Running = "PREBUILD_PHASE_RUNNING",
        Stopping = "PREBUILD_PHASE_STOPPING", Snapshotting = "PREBUILD_PHASE_SNAPSHOTTING",
        Completed = "PREBUILD_PHASE_COMPLETED", Failed = "PREBUILD_PHASE_FAILED",
        Cancelling = "PREBUILD_PHASE_CANCELLING", Cancelled = "PREBUILD_PHASE_CANCELLED",
        Deleting = "PREBUILD_PHASE_DELETING", Deleted = "PREBUILD_PHASE_DELETED";
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// 64-bit integers as strings of digits.
mod digits {
    use std::fmt::Display;
    use std::marker::PhantomData;
    use std::str::FromStr;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        struct Digits<T>(PhantomData<T>);

        impl<T: FromStr> Visitor<'_> for Digits<T> {
            type Value = T;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(|_| E::custom("not a number"))
            }
        }

        deserializer.deserialize_str(Digits(PhantomData))
    }
}
