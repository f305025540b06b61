//! The crate `connectrpc`, with its own generated client. What it hands out is a view of the bytes that came, and it need
//! not copy them to show the id.

use bench_rpc::connectrpc::bench::v1::{
    BenchServiceClient, GetPrebuildRequest, WatchPrebuildRequest,
};
use bench_rpc::text;
use connectrpc::Protocol;
use connectrpc::client::{ClientConfig, HttpClient};

use crate::{AT_ONCE, BoxError, Calls, STREAM, STREAMS, check, watch};

pub(crate) fn begin(discipline: &str, port: u16, calls: &mut Calls) -> Result<(), BoxError> {
    let config = ClientConfig::new(format!("http://127.0.0.1:{port}").parse()?);
    let (transport, config) = match discipline {
        "connect-json-http1" => (HttpClient::plaintext(), config.json()),
        "connect-proto-http1" => (HttpClient::plaintext(), config),
        "connect-json-h2c" => (HttpClient::plaintext_http2_only(), config.json()),
        "connect-proto-h2c" => (HttpClient::plaintext_http2_only(), config),
        "grpc-h2c" | STREAM => (
            HttpClient::plaintext_http2_only(),
            config.with_protocol(Protocol::Grpc),
        ),
        _ => return Err(format!("no discipline is called {discipline:?}").into()),
    };
    let client = BenchServiceClient::new(transport, config);
    if discipline == STREAM {
        for _ in 0..STREAMS {
            let client = client.clone();
            calls.repeat_stream(async move |done| {
                let request = watch();
                let mut messages = client
                    .watch_prebuild(WatchPrebuildRequest {
                        prebuild_id: request.prebuild_id,
                        count: request.count,
                        ..Default::default()
                    })
                    .await?;
                while let Some(message) = messages.message().await? {
                    let view = message.view();
                    check(view.prebuild.as_option().map_or("", |prebuild| prebuild.id))?;
                    done.set(done.get() + 1);
                }
                Ok(())
            });
        }
        return Ok(());
    }
    for _ in 0..AT_ONCE {
        let client = client.clone();
        calls.repeat(async move || {
            let response = client
                .get_prebuild(GetPrebuildRequest {
                    prebuild_id: text::PREBUILD.to_owned(),
                    ..Default::default()
                })
                .await?;
            let view = response.view();
            check(view.prebuild.as_option().map_or("", |prebuild| prebuild.id))
        });
    }
    Ok(())
}
