//! What only our own generated client can: JSON in every protocol, and GET.

use tonic::Code;

use crate::report::{Outcome, same};
use crate::v1::echo_service_connect::EchoServiceClient;
use crate::v1::{CountRequest, EchoRequest, FailRequest, Number};

/// One message each way.
pub async fn unary(client: &EchoServiceClient) -> Outcome {
    let request = EchoRequest {
        text: "grüße".to_owned(),
        data: vec![0, 1, 255],
        number: i64::MIN,
    };
    let answer = client.echo(request.clone()).await?.into_inner();
    let answer = EchoRequest {
        text: answer.text,
        data: answer.data,
        number: answer.number,
    };
    same("the answer", answer, request)
}

/// Many messages there.
pub async fn client_stream(client: &EchoServiceClient) -> Outcome {
    let numbers = tokio_stream::iter((1..=4).map(|value| Number { value }));
    same("sum", client.sum(numbers).await?.into_inner().value, 10)
}

/// Many messages back, and an error at the end.
pub async fn stream_error(client: &EchoServiceClient) -> Outcome {
    let request = CountRequest { to: 2, fail: true };
    let mut numbers = client.count(request).await?.into_inner();
    for value in 1..=2 {
        same("message", numbers.message().await?, Some(Number { value }))?;
    }
    let status = numbers.message().await.err().ok_or("it did not fail")?;
    same("code", status.code(), Code::Aborted)
}

/// Nothing but an error.
pub async fn error(client: &EchoServiceClient) -> Outcome {
    let request = FailRequest {
        code: Code::NotFound.into(),
        message: "not here".to_owned(),
        detail: None,
    };
    let status = client.fail(request).await.err().ok_or("it did not fail")?;
    same("code", status.code(), Code::NotFound)?;
    same("message", status.message(), "not here")
}

/// A call without side effects; in `x-http-method` the servers say how it came, but for that of the
/// crate connectrpc, which does not know.
pub async fn get(client: &EchoServiceClient) -> Outcome {
    let request = EchoRequest {
        text: "got".to_owned(),
        ..Default::default()
    };
    let response = client.read(request).await?;
    if let Some(came) = response.metadata().get("x-http-method") {
        same("method", came.to_str()?, "GET")?;
    }
    same("text", response.into_inner().text.as_str(), "got")
}
