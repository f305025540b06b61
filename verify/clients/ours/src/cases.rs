//! The cases, by the client that tonic generates, over any channel below it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::report::{Outcome, Report, same};
use crate::v1::echo_service_client::EchoServiceClient;
use crate::v1::{CountRequest, EchoRequest, ErrorDetail, FailRequest, Number};

/// What tonic's transport may call a deadline that is exceeded, on either end.
pub const TIMED_OUT_BY_TONIC: &[Code] = &[Code::Cancelled, Code::DeadlineExceeded];

/// What the channel and the server can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// An answer may come while requests still go.
    pub full_duplex: bool,
    /// tonic's own server sends no trailers with a handler's response, and does not tell it the timeout.
    pub tonic_serves: bool,
    /// The codes that a call may get whose time is up.
    pub timed_out: &'static [Code],
}

/// All cases that are within `abilities`.
pub async fn run<C>(client: EchoServiceClient<C>, abilities: Abilities, report: &mut Report)
where
    C: GrpcService<Body> + Clone + Send + 'static,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C::Future: Send,
    C::ResponseBody: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    report.case("unary", unary(client.clone()).await);
    report.case(
        "metadata",
        metadata(client.clone(), abilities.tonic_serves).await,
    );
    report.case("error", error(client.clone()).await);
    report.case("deadline", deadline(client.clone(), abilities).await);
    report.case("server stream", server_stream(client.clone()).await);
    report.case("stream error", stream_error(client.clone()).await);
    report.case("client stream", client_stream(client.clone()).await);
    if abilities.full_duplex {
        report.case("bidi", bidi(client).await);
    }
}

macro_rules! case {
    ($visibility:vis $name:ident($client:ident $(, $argument:ident: $type:ty)*) $body:block) => {
        /// One case.
        $visibility async fn $name<C>(mut $client: EchoServiceClient<C> $(, $argument: $type)*) -> Outcome
        where
            C: GrpcService<Body> + Clone + Send + 'static,
            C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            C::Future: Send,
            C::ResponseBody: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
            <C::ResponseBody as tonic::codegen::Body>::Error:
                Into<Box<dyn std::error::Error + Send + Sync>> + Send,
        $body
    };
}

case!(pub unary(client) {
    let request = EchoRequest { text: "grüße".repeat(2000), data: vec![0, 1, 255], number: i64::MIN };
    let response = client.echo(request.clone()).await?.into_inner();
    same("text", response.text, request.text)?;
    same("data", response.data, request.data)?;
    same("number", response.number, request.number)
});

case!(metadata(client, tonic_serves: bool) {
    let mut request = Request::new(EchoRequest::default());
    request.metadata_mut().append("x-echo", "one".parse()?);
    request.metadata_mut().append("x-echo", "two".parse()?);
    request.metadata_mut().append_bin("x-echo-bin", MetadataValue::from_bytes(&[0, 1, 255]));
    let response = client.echo(request).await?;
    for (ascii, binary) in [("x-echo", "x-echo-bin"), ("x-trailer", "x-trailer-bin")] {
        if ascii == "x-trailer" && tonic_serves {
            continue;
        }
        // Some peers join the values of one name.
        let values: Vec<_> = response.metadata().get_all(ascii).iter().flat_map(|v| v.to_str()).collect();
        same(ascii, values.join(", ").as_str(), "one, two")?;
        let value = response.metadata().get_bin(binary).ok_or_else(|| format!("no {binary}"))?;
        same(binary, &value.to_bytes()?[..], &[0, 1, 255])?;
    }
    Ok(())
});

fn has_detail(status: &Status, reason: &str) -> Outcome {
    let details = tonic_connect::details::of(status);
    let detail = details
        .first()
        .and_then(|detail| detail.unpack::<ErrorDetail>().ok());
    same(
        "detail",
        detail,
        Some(ErrorDetail {
            reason: reason.to_owned(),
        }),
    )
}

case!(error(client) {
    let detail = Some(ErrorDetail { reason: "too late".to_owned() });
    let message = "no: 100% ünsure".to_owned();
    let request = FailRequest { code: Code::FailedPrecondition.into(), message: message.clone(), detail };
    let status = client.fail(request).await.err().ok_or("it did not fail")?;
    same("code", status.code(), Code::FailedPrecondition)?;
    same("message", status.message(), &message)?;
    has_detail(&status, "too late")
});

case!(deadline(client, abilities: Abilities) {
    let mut request = Request::new(EchoRequest::default());
    request.set_timeout(Duration::from_secs(50));
    let left = client.echo(request).await?.into_inner().timeout_ms;
    if !abilities.tonic_serves && !(40_000..=50_000).contains(&left) {
        return Err(format!("the server saw a timeout of {left} ms, not of 50 s").into());
    }
    let mut request = Request::new(EchoRequest::default());
    request.set_timeout(Duration::from_millis(200));
    let status = client.wait(request).await.err().ok_or("it did not fail")?;
    if abilities.timed_out.contains(&status.code()) {
        return Ok(());
    }
    Err(format!("the code is {:?}, not one of {:?}", status.code(), abilities.timed_out).into())
});

case!(server_stream(client) {
    let mut numbers = client.count(CountRequest { to: 3, fail: false }).await?.into_inner();
    for value in 1..=3 {
        same("message", numbers.message().await?, Some(Number { value }))?;
    }
    same("message", numbers.message().await?, None)
});

case!(stream_error(client) {
    let mut numbers = client.count(CountRequest { to: 2, fail: true }).await?.into_inner();
    for value in 1..=2 {
        same("message", numbers.message().await?, Some(Number { value }))?;
    }
    let status = numbers.message().await.err().ok_or("it did not fail")?;
    same("code", status.code(), Code::Aborted)?;
    same("message", status.message(), "counted enough")?;
    has_detail(&status, "asked for")
});

case!(client_stream(client) {
    let numbers = tokio_stream::iter((1..=4).map(|value| Number { value }));
    same("sum", client.sum(numbers).await?.into_inner().value, 10)
});

// Each number is sent when the double of the one before has come.
case!(bidi(client) {
    let (send, receive) = mpsc::channel(1);
    send.send(Number { value: 1 }).await?;
    let mut doubles = client.double(ReceiverStream::new(receive)).await?.into_inner();
    for value in 1..=3 {
        same("message", doubles.message().await?, Some(Number { value: 2 * value }))?;
        send.send(Number { value: value + 1 }).await?;
    }
    drop(send);
    same("message", doubles.message().await?, Some(Number { value: 8 }))?;
    same("message", doubles.message().await?, None)
});
