//! What came of a call, in the suite's words.

use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_connect::details;
use verify_conformance::v1;

/// The headers that a test case sends.
pub(crate) fn metadata(headers: &[v1::Header]) -> Result<MetadataMap, http::Error> {
    let mut map = HeaderMap::new();
    for header in headers {
        let name: http::HeaderName = header.name.parse()?;
        for value in &header.value {
            map.append(name.clone(), value.parse()?);
        }
    }
    Ok(MetadataMap::from_headers(map))
}

/// Metadata that came.
pub(crate) fn headers(metadata: MetadataMap) -> Vec<v1::Header> {
    let map = metadata.into_headers();
    map.keys()
        .map(|name| v1::Header {
            name: name.to_string(),
            value: map
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect(),
        })
        .collect()
}

/// The call failed; all metadata that is not known to be headers counts as trailers.
pub(crate) fn fail(result: &mut v1::ClientResponseResult, mut status: Status) {
    result.response_trailers = headers(std::mem::take(status.metadata_mut()));
    result.error = Some(v1::Error {
        code: status.code() as i32,
        message: Some(status.message().to_owned()),
        details: details::of(&status),
    });
}

/// This side gave the call up.
pub(crate) fn cancelled(result: &mut v1::ClientResponseResult) {
    fail(result, Status::new(Code::Cancelled, "given up, as asked"));
}
