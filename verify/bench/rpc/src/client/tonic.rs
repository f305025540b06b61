//! tonic's generated client over tonic's channel.

use bench_rpc::v1::bench_service_client::BenchServiceClient;
use tonic::Request;
use tonic::transport::Endpoint;

use crate::{AT_ONCE, BoxError, Calls, STREAM, STREAMS, check, read, request, watch};

pub(crate) fn begin(discipline: &str, port: u16, calls: &mut Calls) -> Result<(), BoxError> {
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
    let client = BenchServiceClient::new(channel);
    if discipline == STREAM {
        for _ in 0..STREAMS {
            let mut client = client.clone();
            calls.repeat_stream(async move |done| {
                let response = client.watch_prebuild(Request::new(watch())).await?;
                read(response.into_inner(), done).await
            });
        }
        return Ok(());
    }
    for _ in 0..AT_ONCE {
        let mut client = client.clone();
        calls.repeat(async move || {
            let response = client.get_prebuild(Request::new(request())).await?;
            check(&response.into_inner().prebuild.unwrap_or_default().id)
        });
    }
    Ok(())
}
