//! tonic's interceptors, for all calls of a channel.

use std::sync::Arc;

use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Extensions, Request, Status};

use super::Builder;

type Intercept = dyn Fn(Request<()>) -> Result<Request<()>, Status> + Send + Sync;

/// Those of a channel, in the order in which they see a call.
#[derive(Clone, Default)]
pub(super) struct Interceptors(Vec<Arc<Intercept>>);

impl Interceptors {
    /// The metadata that they make of a call's.
    pub(super) fn see(&self, metadata: HeaderMap) -> Result<HeaderMap, Status> {
        if self.0.is_empty() {
            return Ok(metadata);
        }
        let metadata = MetadataMap::from_headers(metadata);
        let request = Request::from_parts(metadata, Extensions::default(), ());
        let intercept = |request, interceptor: &Arc<Intercept>| interceptor(request);
        let request = self.0.iter().try_fold(request, intercept)?;
        Ok(request.into_parts().0.into_headers())
    }
}

impl Builder {
    /// Lets `interceptor` see each call before it is sent, through whichever client: it may add metadata, set the
    /// timeout, or refuse the call with a status, which is then the call's. It comes before the channel's own headers
    /// and token, and after the interceptors that were given before. A clone of it sees each call, so what it counts
    /// it has to share.
    ///
    /// ```
    /// use tonic::Request;
    /// use tonic::metadata::MetadataValue;
    /// use tonic_connect::Channel;
    ///
    /// let channel = Channel::builder("https://greet.example")
    ///     .interceptor(|mut request: Request<()>| {
    ///         let tenant = MetadataValue::from_static("acme");
    ///         request.metadata_mut().insert("x-tenant", tenant);
    ///         Ok(request)
    ///     })
    ///     .build();
    /// ```
    pub fn interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: Interceptor + Clone + Send + Sync + 'static,
    {
        let intercept = move |request| interceptor.clone().call(request);
        self.interceptors.0.push(Arc::new(intercept));
        self
    }
}
