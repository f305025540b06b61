//! Answers, and what each protocol says in them.

use std::io::Read as _;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use prost::Message as _;
use tonic::Code;
use tonic_connect::server::BoxError;
use tower::ServiceExt as _;

use super::{GreetResponse, Greeter, is_enveloped, is_json};

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub data: Bytes,
    pub trailers: HeaderMap,
}

pub async fn call<B>(greeter: Greeter, request: Request<B>) -> Reply
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let response = greeter.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Reply {
        status: head.status,
        headers: head.headers,
        data: body.to_bytes(),
        trailers,
    }
}

/// What a call came to.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub greetings: Vec<String>,
    pub code: Code,
    pub message: String,
    /// Trailers, or the metadata of the error.
    pub metadata: HeaderMap,
}

/// Reads a reply as a client of that content type would.
pub fn outcome(content_type: &str, reply: &Reply) -> Outcome {
    let mut outcome = Outcome {
        greetings: Vec::new(),
        code: Code::Ok,
        message: String::new(),
        metadata: HeaderMap::new(),
    };
    if !is_enveloped(content_type) {
        outcome.metadata = reply.headers.clone();
        if reply.status != StatusCode::OK {
            connect_error(&mut outcome, &serde_json::from_slice(&reply.data).unwrap());
            return outcome;
        }
        assert_eq!(reply.headers["content-type"], content_type);
        let data = match reply.headers.get("content-encoding") {
            Some(_) => gunzip(&reply.data),
            None => reply.data.to_vec(),
        };
        outcome.greetings.push(decode(content_type, &data).greeting);
        return outcome;
    }
    assert_eq!(
        (reply.status, &reply.headers["content-type"]),
        (StatusCode::OK, &content_type.parse().unwrap())
    );
    let mut rest = &reply.data[..];
    let mut ended = false;
    while !rest.is_empty() {
        assert!(!ended, "data after the end");
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (flags, payload) = (rest[0], &rest[5..5 + length]);
        rest = &rest[5 + length..];
        match flags {
            0 => outcome
                .greetings
                .push(decode(content_type, payload).greeting),
            1 => outcome
                .greetings
                .push(decode(content_type, &gunzip(payload)).greeting),
            2 => {
                let end: serde_json::Value = serde_json::from_slice(payload).unwrap();
                if let Some(error) = end.get("error") {
                    connect_error(&mut outcome, error);
                }
                for (name, values) in end
                    .get("metadata")
                    .and_then(|all| all.as_object())
                    .into_iter()
                    .flatten()
                {
                    let name: http::HeaderName = name.parse().unwrap();
                    outcome
                        .metadata
                        .insert(name, values[0].as_str().unwrap().parse().unwrap());
                }
                ended = true;
            }
            0x80 => {
                let trailers = std::str::from_utf8(payload)
                    .unwrap()
                    .lines()
                    .map(|line| line.split_once(": ").unwrap());
                for (name, value) in trailers {
                    assert_eq!(name, name.to_lowercase());
                    outcome.metadata.insert(
                        name.parse::<http::HeaderName>().unwrap(),
                        value.parse().unwrap(),
                    );
                }
                grpc_status(&mut outcome);
                ended = true;
            }
            flags => panic!("flags {flags}"),
        }
    }
    if content_type.starts_with("application/grpc") && !ended {
        // Trailers-only responses have them in the head.
        let only = reply.data.is_empty() && reply.headers.contains_key("grpc-status");
        outcome.metadata = if only {
            reply.headers.clone()
        } else {
            reply.trailers.clone()
        };
        grpc_status(&mut outcome);
    } else {
        assert!(ended, "no end of stream");
    }
    outcome
}

fn connect_error(outcome: &mut Outcome, error: &serde_json::Value) {
    let name = error["code"].as_str().unwrap();
    let codes = (1..=16).map(Code::from);
    let snake = |code: &Code| match code {
        Code::Cancelled => "canceled".to_owned(),
        other => {
            let mut snake = String::new();
            for letter in format!("{other:?}").chars() {
                if letter.is_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            snake
        }
    };
    outcome.code = codes
        .into_iter()
        .find(|code| snake(code) == name)
        .unwrap_or_else(|| panic!("{name}"));
    outcome.message = error["message"].as_str().unwrap_or_default().to_owned();
}

fn grpc_status(outcome: &mut Outcome) {
    outcome.code = Code::from_bytes(outcome.metadata["grpc-status"].as_bytes());
    if let Some(message) = outcome.metadata.get("grpc-message") {
        let message = percent_encoding::percent_decode(message.as_bytes());
        outcome.message = message.decode_utf8().unwrap().into_owned();
    }
}

pub fn decode(content_type: &str, data: &[u8]) -> GreetResponse {
    if is_json(content_type) {
        serde_json::from_slice(data).unwrap()
    } else {
        GreetResponse::decode(data).unwrap()
    }
}

pub fn gunzip(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(data)
        .read_to_end(&mut out)
        .unwrap();
    out
}
