//! The echo service, as anybody would write it with tonic.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tonic_connect::Trailers;
use tonic_connect::details::{self, Any};
use tonic_connect::server::Timeout;

use crate::v1::echo_service_server::EchoService;
use crate::v1::{CountRequest, EchoRequest, EchoResponse, ErrorDetail, FailRequest, Number};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

type Numbers = BoxStream<'static, Result<Number, Status>>;

/// The caller's metadata in the headers and the trailers of `message`.
fn answer<T>(asked: &MetadataMap, message: T) -> Response<T> {
    let mut response = Response::new(message);
    let mut trailers = Trailers::default();
    for value in asked.get_all("x-echo") {
        response.metadata_mut().append("x-echo", value.clone());
        trailers.0.append("x-trailer", value.clone());
    }
    for value in asked.get_all_bin("x-echo-bin") {
        response
            .metadata_mut()
            .append_bin("x-echo-bin", value.clone());
        trailers.0.append_bin("x-trailer-bin", value.clone());
    }
    response.extensions_mut().insert(trailers);
    response
}

fn error(code: Code, message: &str, detail: &ErrorDetail) -> Status {
    details::status(code, message, [Any::pack(detail)])
}

#[tonic::async_trait]
impl EchoService for Echo {
    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        let timeout = request
            .extensions()
            .get()
            .map_or(0, |Timeout(timeout)| timeout.as_millis());
        let (metadata, _, EchoRequest { text, data, number }) = request.into_parts();
        let timeout_ms = i64::try_from(timeout).unwrap_or(i64::MAX);
        Ok(answer(
            &metadata,
            EchoResponse {
                text,
                data,
                number,
                timeout_ms,
            },
        ))
    }

    async fn read(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        self.echo(request).await
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<EchoResponse>, Status> {
        let FailRequest {
            code,
            message,
            detail,
        } = request.into_inner();
        Err(error(
            Code::from_i32(code),
            &message,
            &detail.unwrap_or_default(),
        ))
    }

    async fn wait(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        self.echo(request).await
    }

    async fn sum(&self, request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
        let (metadata, _, mut numbers) = request.into_parts();
        let mut sum = Number::default();
        while let Some(Number { value }) = numbers.message().await? {
            sum.value += value;
        }
        Ok(answer(&metadata, sum))
    }

    type CountStream = Numbers;

    async fn count(&self, request: Request<CountRequest>) -> Result<Response<Numbers>, Status> {
        let (metadata, _, CountRequest { to, fail }) = request.into_parts();
        let numbers = (1..=to).map(|value| Ok(Number { value }));
        let detail = ErrorDetail {
            reason: "asked for".to_owned(),
        };
        let end = fail.then(|| Err(error(Code::Aborted, "counted enough", &detail)));
        Ok(answer(&metadata, stream::iter(numbers.chain(end)).boxed()))
    }

    type DoubleStream = Numbers;

    async fn double(
        &self,
        request: Request<Streaming<Number>>,
    ) -> Result<Response<Numbers>, Status> {
        let (metadata, _, numbers) = request.into_parts();
        let doubled =
            numbers.map(|number| number.map(|Number { value }| Number { value: 2 * value }));
        Ok(answer(&metadata, doubled.boxed()))
    }
}
