//! Values between the schema and the domain.

use jiff::Timestamp;
use prebuilds::v1;
use tonic::Status;
use uuid::Uuid;

use super::Api;
use super::error::invalid;
use crate::domain::{Prebuild, Subject};

/// An id in the field `field` of a request.
pub(super) fn id(field: &str, text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| invalid(field, "must be a UUID"))
}

/// The ids in the field `field` of a request.
pub(super) fn ids(field: &str, texts: &[String]) -> Result<Vec<Uuid>, Status> {
    texts.iter().map(|text| id(field, text)).collect()
}

pub(super) fn timestamp(time: Timestamp) -> pbjson_wkt::Timestamp {
    let nanoseconds = time.as_nanosecond();
    let in_second = nanoseconds.rem_euclid(1_000_000_000);
    // Years -9999 to 9999, so both fit.
    pbjson_wkt::Timestamp {
        seconds: nanoseconds.div_euclid(1_000_000_000) as i64,
        nanos: in_second as i32,
    }
}

/// A duration that the domain allowed, which is far within what the schema can say.
pub(super) fn duration(duration: std::time::Duration) -> pbjson_wkt::Duration {
    duration.try_into().unwrap_or(pbjson_wkt::Duration {
        seconds: i64::MAX,
        nanos: 0,
    })
}

pub(super) fn subject(subject: Subject) -> v1::Subject {
    v1::Subject {
        id: subject.id.to_string(),
        principal: subject.principal as i32,
    }
}

/// A subject in the field `field` of a request; one without an id is none.
pub(super) fn subject_of(
    field: &str,
    subject: Option<&v1::Subject>,
) -> Result<Option<Subject>, Status> {
    let Some(subject) = subject.filter(|subject| !subject.id.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(Subject {
        id: id(&format!("{field}.id"), &subject.id)?,
        principal: subject.principal(),
    }))
}

impl Api {
    /// Where the log of a prebuild is read.
    fn log_url(&self, prebuild_id: Uuid) -> String {
        format!("{}/logs/{prebuild_id}", self.base_url)
    }

    /// A row as the API shows it.
    pub(super) fn prebuild_message(&self, row: Prebuild) -> v1::Prebuild {
        v1::Prebuild {
            id: row.id.to_string(),
            metadata: Some(v1::PrebuildMetadata {
                organization_id: row.organization_id.to_string(),
                project_id: row.project_id.to_string(),
                environment_class_id: row.environment_class_id.to_string(),
                creator: Some(subject(row.creator)),
                created_at: Some(timestamp(row.created_at)),
                updated_at: Some(timestamp(row.updated_at)),
                triggered_by: row.trigger as i32,
                executor: row.executor.map(subject),
            }),
            spec: Some(v1::PrebuildSpec {
                spec_version: row.spec_version,
                desired_phase: row.desired_phase as i32,
                timeout: Some(duration(row.timeout)),
            }),
            status: Some(v1::PrebuildStatus {
                phase: row.phase as i32,
                completion_time: row.completion_time.map(timestamp),
                // From the first moment on: who follows it early waits there for the first line.
                log_url: self.log_url(row.id),
                failure_message: row.failure_message,
                environment_id: row
                    .environment_id
                    .map_or_else(String::new, |id| id.to_string()),
                status_version: row.status_version,
                warning_message: row.warning_message,
                snapshot_completion_percentage: i32::from(row.snapshot_percentage),
                snapshot_size_bytes: i64::try_from(row.snapshot_size_bytes).unwrap_or(i64::MAX),
            }),
        }
    }
}
