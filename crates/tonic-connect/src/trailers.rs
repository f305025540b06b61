//! Trailing metadata of a response that went well.

use tonic::metadata::MetadataMap;

/// Trailing metadata of a response, for handlers that have some: put it into the extensions of the
/// [`tonic::Response`]. Our generated clients put there what came. Metadata of an error belongs into its
/// [`tonic::Status`] instead.
///
/// ```
/// use tonic_connect::Trailers;
///
/// let mut response = tonic::Response::new(());
/// let mut trailers = Trailers::default();
/// trailers.0.insert("checksum", "c0ffee".parse().unwrap());
/// response.extensions_mut().insert(trailers);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trailers(pub MetadataMap);
