//! The service as a tonic trait: what tonic's own server and ours serve, not a line different.

use bench_rpc::response;
use bench_rpc::v1::bench_service_server::BenchService;
use bench_rpc::v1::{
    GetPrebuildRequest, GetPrebuildResponse, PushPrebuildsResponse, WatchPrebuildRequest,
};
use futures::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

pub(crate) struct Bench;

#[tonic::async_trait]
impl BenchService for Bench {
    async fn get_prebuild(
        &self,
        _: Request<GetPrebuildRequest>,
    ) -> Result<Response<GetPrebuildResponse>, Status> {
        Ok(Response::new(response()))
    }

    type WatchPrebuildStream = BoxStream<'static, Result<GetPrebuildResponse, Status>>;

    async fn watch_prebuild(
        &self,
        request: Request<WatchPrebuildRequest>,
    ) -> Result<Response<Self::WatchPrebuildStream>, Status> {
        let count = request.get_ref().count;
        let messages = stream::iter(0..count).map(|_| Ok(response()));
        Ok(Response::new(messages.boxed()))
    }

    async fn push_prebuilds(
        &self,
        request: Request<Streaming<GetPrebuildResponse>>,
    ) -> Result<Response<PushPrebuildsResponse>, Status> {
        let mut messages = request.into_inner();
        let mut count = 0;
        while messages.message().await?.is_some() {
            count += 1;
        }
        Ok(Response::new(PushPrebuildsResponse { count }))
    }
}
