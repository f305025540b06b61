//! Our generated client over our channel.

use bench_rpc::v1::bench_service_connect::BenchServiceClient;
use tonic::Request;
use tonic_connect::{Channel, Codec, HttpVersion, Protocol};

use crate::{AT_ONCE, BoxError, Calls, STREAM, STREAMS, check, read, request, watch};

pub(crate) fn begin(discipline: &str, port: u16, calls: &mut Calls) -> Result<(), BoxError> {
    let (protocol, codec, version) = match discipline {
        "connect-json-http1" => (Protocol::Connect, Codec::Json, HttpVersion::Http1),
        "connect-proto-http1" => (Protocol::Connect, Codec::Proto, HttpVersion::Http1),
        "connect-json-h2c" => (Protocol::Connect, Codec::Json, HttpVersion::Http2),
        "connect-proto-h2c" => (Protocol::Connect, Codec::Proto, HttpVersion::Http2),
        "grpc-h2c" | STREAM => (Protocol::Grpc, Codec::Proto, HttpVersion::Http2),
        _ => return Err(format!("no discipline is called {discipline:?}").into()),
    };
    let channel = Channel::builder(format_args!("http://127.0.0.1:{port}"))
        .protocol(protocol)
        .http_version(version)
        .build()?;
    let client = BenchServiceClient::new(channel).with_codec(codec);
    if discipline == STREAM {
        for _ in 0..STREAMS {
            let client = client.clone();
            calls.repeat_stream(async move |done| {
                let response = client.watch_prebuild(Request::new(watch())).await?;
                read(response.into_inner(), done).await
            });
        }
        return Ok(());
    }
    for _ in 0..AT_ONCE {
        let client = client.clone();
        calls.repeat(async move || {
            let response = client.get_prebuild(Request::new(request())).await?;
            check(&response.into_inner().prebuild.unwrap_or_default().id)
        });
    }
    Ok(())
}
