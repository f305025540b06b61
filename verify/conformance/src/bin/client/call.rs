//! Makes the call of a test case: when to send, when to read, when to give up.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use prost::Message;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_connect::{Codec, Trailers};
use v1::client_compat_request::cancel::CancelTiming;
use v1::conformance_service_connect::ConformanceServiceClient;
use verify_conformance::v1;

use crate::channels::Channels;
use crate::result::{cancelled, fail, headers, metadata};

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = v1::ClientResponseResult;
type Payload = Option<v1::ConformancePayload>;

/// When this side gives a call up.
#[derive(Clone, Copy, Default)]
struct GiveUp {
    before_close: bool,
    after_close: Option<Duration>,
    after_responses: Option<usize>,
}

impl GiveUp {
    fn of(request: &v1::ClientCompatRequest) -> Self {
        let mut give_up = Self::default();
        match request.cancel.as_ref().map(|cancel| &cancel.cancel_timing) {
            None => {}
            Some(None) => give_up.after_close = Some(Duration::ZERO),
            Some(Some(CancelTiming::BeforeCloseSend(_))) => give_up.before_close = true,
            Some(Some(CancelTiming::AfterCloseSendMs(ms))) => {
                give_up.after_close = Some(Duration::from_millis(u64::from(*ms)));
            }
            Some(Some(CancelTiming::AfterNumResponses(count))) => {
                give_up.after_responses = Some(*count as usize);
            }
        }
        give_up
    }

    /// Never ready when this is not how the call is given up.
    async fn after_close(self) {
        match self.after_close {
            Some(wait) => sleep(wait).await,
            None => std::future::pending().await,
        }
    }
}

pub(crate) async fn make(
    channels: &Channels,
    request: v1::ClientCompatRequest,
) -> Result<Outcome, Failure> {
    let client = ConformanceServiceClient::new(channels.get(&request)?)
        .with_codec(match request.codec() {
            v1::Codec::Json => Codec::Json,
            _ => Codec::Proto,
        })
        .with_get(request.use_get_http_method);
    let case = Case {
        give_up: GiveUp::of(&request),
        delay: Duration::from_millis(request.request_delay_ms.into()),
        full_duplex: request.stream_type() == v1::StreamType::FullDuplexBidiStream,
        request,
    };
    match case.request.method() {
        "Unary" => {
            let call = client.unary(case.only()?);
            Ok(case.one(call, |message| message.payload).await)
        }
        "IdempotentUnary" => {
            let call = client.idempotent_unary(case.only()?);
            Ok(case.one(call, |message| message.payload).await)
        }
        "Unimplemented" => {
            let call = client.unimplemented(case.only()?);
            Ok(case.one(call, |_| None).await)
        }
        "ServerStream" => {
            let call = client.server_stream(case.only()?);
            Ok(case.server_stream(call).await)
        }
        "ClientStream" => {
            let (requests, body) = mpsc::channel(1);
            let call = client.client_stream(case.with(ReceiverStream::new(body))?);
            case.client_stream(call, requests).await
        }
        "BidiStream" => {
            let (requests, body) = mpsc::channel(1);
            let call = client.bidi_stream(case.with(ReceiverStream::new(body))?);
            case.bidi_stream(call, requests).await
        }
        method => Err(format!("unknown method {method}").into()),
    }
}

struct Case {
    request: v1::ClientCompatRequest,
    give_up: GiveUp,
    /// Before each message.
    delay: Duration,
    full_duplex: bool,
}

impl Case {
    fn with<T>(&self, message: T) -> Result<Request<T>, Failure> {
        let mut request = Request::new(message);
        *request.metadata_mut() = metadata(&self.request.request_headers)?;
        if let Some(ms) = self.request.timeout_ms {
            request.set_timeout(Duration::from_millis(ms.into()));
        }
        Ok(request)
    }

    fn only<T: Message + Default>(&self) -> Result<Request<T>, Failure> {
        let mut messages = self.messages()?;
        match (messages.pop(), messages.is_empty()) {
            (Some(message), true) => self.with(message),
            _ => Err("the method takes exactly one message".into()),
        }
    }

    fn messages<T: Message + Default>(&self) -> Result<Vec<T>, Failure> {
        let messages = self.request.request_messages.iter();
        Ok(messages
            .map(|any| T::decode(any.value.as_slice()))
            .collect::<Result<_, _>>()?)
    }

    /// A call that is answered with one message.
    async fn one<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
        payload: fn(T) -> Payload,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        tokio::select! {
            answer = call => answered(&mut outcome, answer, payload),
            () = self.give_up.after_close() => cancelled(&mut outcome),
        }
        outcome
    }

    async fn server_stream(
        &self,
        call: impl Future<Output = Result<Response<Streaming<v1::ServerStreamResponse>>, Status>>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let reading = async {
            if let Some(mut messages) = begun(&mut outcome, call.await) {
                self.drain(&mut outcome, &mut messages, |message| message.payload)
                    .await;
            }
        };
        let given_up = tokio::select! {
            () = reading => false,
            () = self.give_up.after_close() => true,
        };
        if given_up {
            cancelled(&mut outcome);
        }
        outcome
    }

    async fn client_stream(
        &self,
        call: impl Future<Output = Result<Response<v1::ClientStreamResponse>, Status>>,
        requests: mpsc::Sender<v1::ClientStreamRequest>,
    ) -> Result<Outcome, Failure> {
        let messages = self.messages()?;
        let mut outcome = Outcome::default();
        let mut unsent = messages.len();
        let sending = async {
            for message in messages {
                sleep(self.delay).await;
                if requests.send(message).await.is_err() {
                    return std::future::pending().await;
                }
                unsent -= 1;
            }
            if self.give_up.before_close {
                return;
            }
            drop(requests);
            self.give_up.after_close().await;
        };
        tokio::select! {
            answer = call => answered(&mut outcome, answer, |message| message.payload),
            () = sending => cancelled(&mut outcome),
        }
        outcome.num_unsent_requests = unsent as i32;
        Ok(outcome)
    }

    async fn bidi_stream(
        &self,
        call: impl Future<Output = Result<Response<Streaming<v1::BidiStreamResponse>>, Status>>,
        requests: mpsc::Sender<v1::BidiStreamRequest>,
    ) -> Result<Outcome, Failure> {
        let messages = self.messages()?;
        let mut outcome = Outcome::default();
        let mut unsent = messages.len();
        // The head of the response may come with the first answer only: so both sides run at once, and in full
        // duplex each answer lets the next request go.
        let (turns, mut turn) = mpsc::unbounded_channel();
        let sending = async {
            for (index, message) in messages.into_iter().enumerate() {
                if self.full_duplex && index > 0 && turn.recv().await.is_none() {
                    break;
                }
                sleep(self.delay).await;
                if requests.send(message).await.is_err() {
                    break;
                }
                unsent -= 1;
            }
            if self.full_duplex {
                let _ = turn.recv().await;
            }
            if self.give_up.before_close {
                return;
            }
            drop(requests);
            self.give_up.after_close().await;
        };
        let reading = async {
            let Some(mut messages) = begun(&mut outcome, call.await) else {
                return;
            };
            loop {
                match messages.message().await {
                    Ok(Some(message)) => {
                        outcome.payloads.push(message.payload.unwrap_or_default());
                        if Some(outcome.payloads.len()) == self.give_up.after_responses {
                            return cancelled(&mut outcome);
                        }
                        let _ = turns.send(());
                    }
                    Ok(None) => {
                        ended(&mut outcome, &mut messages).await;
                        return;
                    }
                    Err(status) => return fail(&mut outcome, status),
                }
            }
        };
        let given_up = tokio::select! {
            () = reading => false,
            () = sending => true,
        };
        if given_up {
            cancelled(&mut outcome);
        }
        outcome.num_unsent_requests = unsent as i32;
        Ok(outcome)
    }

    async fn drain<T>(
        &self,
        outcome: &mut Outcome,
        messages: &mut Streaming<T>,
        payload: fn(T) -> Payload,
    ) {
        loop {
            match messages.message().await {
                Ok(Some(message)) => {
                    outcome.payloads.push(payload(message).unwrap_or_default());
                    if Some(outcome.payloads.len()) == self.give_up.after_responses {
                        return cancelled(outcome);
                    }
                }
                Ok(None) => return ended(outcome, messages).await,
                Err(status) => return fail(outcome, status),
            }
        }
    }
}

/// The stream of a call whose head came well.
fn begun<T>(
    outcome: &mut Outcome,
    answer: Result<Response<Streaming<T>>, Status>,
) -> Option<Streaming<T>> {
    match answer {
        Ok(response) => {
            let (metadata, messages, _) = response.into_parts();
            outcome.response_headers = headers(metadata);
            Some(messages)
        }
        Err(status) => {
            fail(outcome, status);
            None
        }
    }
}

async fn ended<T>(outcome: &mut Outcome, messages: &mut Streaming<T>) {
    match messages.trailers().await {
        Ok(trailers) => outcome.response_trailers = headers(trailers.unwrap_or_default()),
        Err(status) => fail(outcome, status),
    }
}

fn answered<T>(
    outcome: &mut Outcome,
    answer: Result<Response<T>, Status>,
    payload: fn(T) -> Payload,
) {
    match answer {
        Ok(response) => {
            let (metadata, message, mut extensions) = response.into_parts();
            outcome.response_headers = headers(metadata);
            let trailers = extensions.remove::<Trailers>().unwrap_or_default();
            outcome.response_trailers = headers(trailers.0);
            outcome.payloads = vec![payload(message).unwrap_or_default()];
        }
        Err(status) => fail(outcome, status),
    }
}
