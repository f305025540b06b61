//! The echo service by the crate's own trait.

use std::time::Duration;

use connectrpc::{
    ConnectError, ConnectRpcService, ErrorCode, ErrorDetail as Detail, InboundStream,
    RequestContext, Response, Server, ServiceRequest, ServiceResult, ServiceStream,
};
use futures::stream::{self, StreamExt as _};
use tokio::net::TcpListener;

use crate::Error;
use crate::generated::echo::v1::{
    CountRequest, EchoRequest, EchoResponse, EchoService, EchoServiceServer, ErrorDetail,
    FailRequest, Number,
};

pub async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let service = ConnectRpcService::new(EchoServiceServer::new(Echo));
    Server::from_listener(listener)
        .serve_with_service(service)
        .await
}

struct Echo;

/// The caller's metadata in the headers and the trailers of `body`.
fn answer<B>(context: &RequestContext, body: B) -> Response<B> {
    let mut response = Response::new(body);
    for (from, to) in [("x-echo", "x-trailer"), ("x-echo-bin", "x-trailer-bin")] {
        for value in context.headers().get_all(from) {
            response = response
                .with_header(from, value.clone())
                .with_trailer(to, value.clone());
        }
    }
    response
}

fn error(code: ErrorCode, message: &str, reason: &str) -> ConnectError {
    let detail = ErrorDetail {
        reason: reason.to_owned(),
        ..Default::default()
    };
    ConnectError::new(code, message)
        .with_detail(Detail::from_message("echo.v1.ErrorDetail", &detail))
}

fn number(value: i64) -> Number {
    Number {
        value,
        ..Default::default()
    }
}

// The trait says `impl Encodable<…>`; the message itself is the plainest of these.
#[allow(refining_impl_trait)]
impl EchoService for Echo {
    async fn echo(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EchoRequest>,
    ) -> ServiceResult<EchoResponse> {
        let request = request.to_owned_message();
        let left = context.time_remaining().unwrap_or_default();
        let response = EchoResponse {
            text: request.text,
            data: request.data,
            number: request.number,
            timeout_ms: i64::try_from(left.as_millis()).unwrap_or(i64::MAX),
            ..Default::default()
        };
        Ok(answer(&context, response))
    }

    async fn read(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EchoRequest>,
    ) -> ServiceResult<EchoResponse> {
        self.echo(context, request).await
    }

    async fn fail(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, FailRequest>,
    ) -> ServiceResult<EchoResponse> {
        let request = request.to_owned_message();
        let code = u32::try_from(request.code)
            .ok()
            .and_then(ErrorCode::from_grpc_code);
        let reason = &request.detail.reason;
        Err(error(
            code.unwrap_or(ErrorCode::Unknown),
            &request.message,
            reason,
        ))
    }

    async fn wait(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EchoRequest>,
    ) -> ServiceResult<EchoResponse> {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        self.echo(context, request).await
    }

    async fn sum(
        &self,
        context: RequestContext,
        mut numbers: InboundStream<Number>,
    ) -> ServiceResult<Number> {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number?.to_owned_message().value;
        }
        Ok(answer(&context, number(sum)))
    }

    async fn count(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CountRequest>,
    ) -> ServiceResult<ServiceStream<Number>> {
        let numbers = (1..=request.to).map(|value| Ok(number(value)));
        let end = request
            .fail
            .then(|| Err(error(ErrorCode::Aborted, "counted enough", "asked for")));
        Ok(answer(&context, stream::iter(numbers.chain(end)).boxed()))
    }

    async fn double(
        &self,
        context: RequestContext,
        numbers: InboundStream<Number>,
    ) -> ServiceResult<ServiceStream<Number>> {
        let doubled = numbers
            .map(|message| message.map(|message| number(2 * message.to_owned_message().value)));
        Ok(answer(&context, doubled.boxed()))
    }
}
