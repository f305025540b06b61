//! The server under test: reads one ServerCompatRequest from standard input, serves
//! ConformanceService by a plain implementation of tonic's trait, and says where.

use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::codec::Streaming;
use tonic::metadata::{
    AsciiMetadataKey, BinaryMetadataKey, KeyAndValueRef, MetadataMap, MetadataValue,
};
use tonic::{Code, Request, Response, Status};
use tonic_connect::details::{self, Any};
use tonic_connect::server::{Options, Timeout, Trailers};
use tonic_connect::transport::{ClientCertificates, Server, ServerTls};

use v1::conformance_payload::RequestInfo;
use v1::conformance_service_connect::ConformanceServiceConnect;
use v1::conformance_service_server::ConformanceService;
use v1::unary_response_definition::Response as Answer;
use verify_conformance::v1;

type Answers<T> = BoxStream<'static, Result<T, Status>>;

struct Conformance;

/// What the caller sent besides its messages.
struct Seen {
    headers: Vec<v1::Header>,
    timeout_ms: Option<i64>,
}

impl Seen {
    fn of<T>(request: &Request<T>) -> Self {
        let mut headers: Vec<v1::Header> = Vec::new();
        for entry in request.metadata().iter() {
            let (name, value) = match entry {
                KeyAndValueRef::Ascii(name, value) => {
                    (name.as_str(), value.to_str().unwrap_or_default().to_owned())
                }
                KeyAndValueRef::Binary(name, value) => (
                    name.as_str(),
                    String::from_utf8_lossy(value.as_encoded_bytes()).into_owned(),
                ),
            };
            match headers.iter_mut().find(|header| header.name == name) {
                Some(header) => header.value.push(value),
                None => headers.push(v1::Header {
                    name: name.to_owned(),
                    value: vec![value],
                }),
            }
        }
        let timeout = request.extensions().get::<Timeout>();
        Self {
            headers,
            timeout_ms: timeout.map(|Timeout(timeout)| timeout.as_millis() as i64),
        }
    }

    fn info(&self, requests: Vec<Any>) -> RequestInfo {
        RequestInfo {
            request_headers: self.headers.clone(),
            timeout_ms: self.timeout_ms,
            requests,
            connect_get_info: None,
        }
    }
}

fn metadata(headers: &[v1::Header]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for v1::Header { name, value } in headers {
        for value in value {
            if name.ends_with("-bin") {
                let key = BinaryMetadataKey::from_bytes(name.to_lowercase().as_bytes());
                let raw = pbjson::private::base64::Engine::decode(
                    &pbjson::private::base64::engine::general_purpose::STANDARD_NO_PAD,
                    value.trim_end_matches('='),
                );
                if let (Ok(key), Ok(raw)) = (key, raw) {
                    metadata.append_bin(key, MetadataValue::from_bytes(&raw));
                }
            } else if let (Ok(key), Ok(value)) = (
                AsciiMetadataKey::from_bytes(name.to_lowercase().as_bytes()),
                value.parse(),
            ) {
                metadata.append(key, value);
            }
        }
    }
    metadata
}

/// The error that was asked for, with the request's own data as the last detail.
fn failure(
    error: &v1::Error,
    info: Option<RequestInfo>,
    headers: &[v1::Header],
    trailers: &[v1::Header],
) -> Status {
    let mut all = error.details.clone();
    all.extend(info.map(|info| Any::pack(&info)));
    let mut status = details::status(
        Code::from_i32(error.code),
        error.message.clone().unwrap_or_default(),
        all,
    );
    let both: Vec<v1::Header> = headers.iter().chain(trailers).cloned().collect();
    *status.metadata_mut() = metadata(&both);
    status
}

fn respond<T>(message: T, headers: &[v1::Header], trailers: &[v1::Header]) -> Response<T> {
    let mut response = Response::new(message);
    *response.metadata_mut() = metadata(headers);
    response
        .extensions_mut()
        .insert(Trailers(metadata(trailers)));
    response
}

async fn unary(
    definition: Option<v1::UnaryResponseDefinition>,
    info: RequestInfo,
) -> Result<Response<v1::ConformancePayload>, Status> {
    let definition = definition.unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(definition.response_delay_ms.into())).await;
    let (headers, trailers) = (&definition.response_headers, &definition.response_trailers);
    let data = match &definition.response {
        Some(Answer::Error(error)) => return Err(failure(error, Some(info), headers, trailers)),
        Some(Answer::ResponseData(data)) => data.clone(),
        None => Default::default(),
    };
    Ok(respond(
        v1::ConformancePayload {
            data,
            request_info: Some(info),
        },
        headers,
        trailers,
    ))
}

/// The payloads of a stream that is answered after all requests are in.
fn payloads(
    definition: Option<v1::StreamResponseDefinition>,
    info: RequestInfo,
) -> Response<Answers<v1::ConformancePayload>> {
    let Some(definition) = definition else {
        return Response::new(stream::empty().boxed());
    };
    let (headers, trailers) = (definition.response_headers, definition.response_trailers);
    let delay = Duration::from_millis(definition.response_delay_ms.into());
    let mut info = Some(info);
    let payloads: Vec<_> = definition
        .response_data
        .into_iter()
        .map(|data| v1::ConformancePayload {
            data,
            request_info: info.take(),
        })
        .collect();
    let payloads = stream::iter(payloads).then(move |payload| async move {
        tokio::time::sleep(delay).await;
        Ok(payload)
    });
    // Not as the error of the call: a stream has headers of its own before it fails.
    let end = definition
        .error
        .map(|error| Err(failure(&error, info, &[], &trailers)));
    respond(
        payloads.chain(stream::iter(end)).boxed(),
        &headers,
        &trailers,
    )
}

fn wrap<T: 'static>(
    response: Response<Answers<v1::ConformancePayload>>,
    wrap: fn(v1::ConformancePayload) -> T,
) -> Response<Answers<T>> {
    response.map(|answers| answers.map(move |answer| answer.map(wrap)).boxed())
}

#[tonic::async_trait]
impl ConformanceService for Conformance {
    async fn unary(
        &self,
        request: Request<v1::UnaryRequest>,
    ) -> Result<Response<v1::UnaryResponse>, Status> {
        let seen = Seen::of(&request);
        let request = request.into_inner();
        let info = seen.info(vec![Any::pack(&request)]);
        let payload = unary(request.response_definition, info).await?;
        Ok(payload.map(|payload| v1::UnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn idempotent_unary(
        &self,
        request: Request<v1::IdempotentUnaryRequest>,
    ) -> Result<Response<v1::IdempotentUnaryResponse>, Status> {
        let seen = Seen::of(&request);
        let request = request.into_inner();
        let info = seen.info(vec![Any::pack(&request)]);
        let payload = unary(request.response_definition, info).await?;
        Ok(payload.map(|payload| v1::IdempotentUnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn unimplemented(
        &self,
        _: Request<v1::UnimplementedRequest>,
    ) -> Result<Response<v1::UnimplementedResponse>, Status> {
        Err(Status::unimplemented("not implemented"))
    }

    type ServerStreamStream = Answers<v1::ServerStreamResponse>;

    async fn server_stream(
        &self,
        request: Request<v1::ServerStreamRequest>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let seen = Seen::of(&request);
        let request = request.into_inner();
        let info = seen.info(vec![Any::pack(&request)]);
        let answers = payloads(request.response_definition, info);
        Ok(wrap(answers, |payload| v1::ServerStreamResponse {
            payload: Some(payload),
        }))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<v1::ClientStreamRequest>>,
    ) -> Result<Response<v1::ClientStreamResponse>, Status> {
        let seen = Seen::of(&request);
        let mut requests = request.into_inner();
        let (mut definition, mut all) = (None, Vec::new());
        while let Some(request) = requests.message().await? {
            all.push(Any::pack(&request));
            if all.len() == 1 {
                definition = request.response_definition;
            }
        }
        let payload = unary(definition, seen.info(all)).await?;
        Ok(payload.map(|payload| v1::ClientStreamResponse {
            payload: Some(payload),
        }))
    }

    type BidiStreamStream = Answers<v1::BidiStreamResponse>;

    async fn bidi_stream(
        &self,
        request: Request<Streaming<v1::BidiStreamRequest>>,
    ) -> Result<Response<Self::BidiStreamStream>, Status> {
        let seen = Seen::of(&request);
        let mut requests = request.into_inner();
        let Some(mut first) = requests.message().await? else {
            return Ok(Response::new(stream::empty().boxed()));
        };
        let full_duplex = first.full_duplex;
        let packed = Any::pack(&first);
        let definition = first.response_definition.take();
        let answers = if full_duplex {
            echo(requests, definition.unwrap_or_default(), seen, packed)
        } else {
            let mut all = vec![packed];
            while let Some(request) = requests.message().await? {
                all.push(Any::pack(&request));
            }
            payloads(definition, seen.info(all))
        };
        Ok(wrap(answers, |payload| v1::BidiStreamResponse {
            payload: Some(payload),
        }))
    }
}

/// Answers each request as it comes, then what is left of the definition.
fn echo(
    requests: Streaming<v1::BidiStreamRequest>,
    definition: v1::StreamResponseDefinition,
    seen: Seen,
    first: pbjson_wkt::Any,
) -> Response<Answers<v1::ConformancePayload>> {
    struct State {
        requests: Option<Streaming<v1::BidiStreamRequest>>,
        pending: Option<pbjson_wkt::Any>,
        data: std::collections::VecDeque<pbjson_wkt::Any>,
        answers: std::vec::IntoIter<Vec<u8>>,
        error: Option<v1::Error>,
        trailers: Vec<v1::Header>,
        seen: Seen,
        answered: bool,
        delay: Duration,
    }
    let v1::StreamResponseDefinition {
        response_headers,
        response_data,
        response_delay_ms,
        error,
        response_trailers,
        ..
    } = definition;
    let state = State {
        requests: Some(requests),
        pending: Some(first),
        data: Default::default(),
        answers: response_data.into_iter(),
        error,
        trailers: response_trailers.clone(),
        seen,
        answered: false,
        delay: Duration::from_millis(response_delay_ms.into()),
    };
    let answers = stream::unfold(state, |mut state| async move {
        // One request for each answer, as long as both last.
        if state.pending.is_none()
            && let Some(requests) = &mut state.requests
        {
            match requests.message().await {
                Ok(Some(request)) => state.pending = Some(Any::pack(&request)),
                Ok(None) => state.requests = None,
                Err(status) => {
                    state.requests = None;
                    state.answers = Vec::new().into_iter();
                    state.error = None;
                    return Some((Err(status), state));
                }
            }
        }
        state.data.extend(state.pending.take());
        match state.answers.next() {
            Some(data) => {
                tokio::time::sleep(state.delay).await;
                let requests: Vec<_> = state.data.drain(..).collect();
                let info = if state.answered {
                    RequestInfo {
                        requests,
                        ..Default::default()
                    }
                } else {
                    state.seen.info(requests)
                };
                state.answered = true;
                Some((
                    Ok(v1::ConformancePayload {
                        data,
                        request_info: Some(info),
                    }),
                    state,
                ))
            }
            None => {
                let error = state.error.take()?;
                let info =
                    (!state.answered).then(|| state.seen.info(state.data.drain(..).collect()));
                Some((Err(failure(&error, info, &[], &state.trailers)), state))
            }
        }
    });
    respond(answers.boxed(), &response_headers, &response_trailers)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    v1::register_json_types();
    let mut stdin = tokio::io::stdin();
    let length = stdin.read_u32().await?;
    let mut bytes = vec![0; length as usize];
    stdin.read_exact(&mut bytes).await?;
    let request = v1::ServerCompatRequest::decode(bytes.as_slice())?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut options = Options::default().compress_min_bytes(0);
    if request.message_receive_limit > 0 {
        options = options.max_request_bytes(request.message_receive_limit as usize);
    }
    let service = ConformanceServiceConnect::new(Conformance).with_options(options);
    let mut server = Server::new().drain(Duration::from_secs(1));
    let credentials = request.server_creds.unwrap_or_default();
    if request.use_tls {
        let clients = match &request.client_tls_cert[..] {
            [] => ClientCertificates::None,
            roots => ClientCertificates::Required(roots),
        };
        server = server.tls(ServerTls::from_pem(
            &credentials.cert,
            &credentials.key,
            clients,
        )?);
    }
    let serving = tokio::spawn(server.serve(listener, service, async move {
        let mut rest = Vec::new();
        let _ = stdin.read_to_end(&mut rest).await;
        std::future::pending::<()>().await
    }));

    let response = v1::ServerCompatResponse {
        host: "127.0.0.1".into(),
        port: address.port().into(),
        pem_cert: if request.use_tls {
            credentials.cert
        } else {
            Default::default()
        },
    };
    let bytes = response.encode_to_vec();
    let mut stdout = tokio::io::stdout();
    stdout.write_u32(bytes.len() as u32).await?;
    stdout.write_all(&bytes).await?;
    stdout.flush().await?;
    serving.await??;
    Ok(())
}
