//! What the RPC targets share: an input is a request or a response written as text, head and body.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::runtime::Handle;
use tonic::body::Body;

/// How long a call may take on the paused clock; one that still waits then is dropped, as a caller would.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The first line, the header lines, and behind an empty line the body. A line that is no header is left out.
struct Parts<'a> {
    first: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
}

fn parts(input: &[u8]) -> Option<Parts<'_>> {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = str::from_utf8(lines.next()?).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(&line[..colon]),
            HeaderValue::from_bytes(value),
        ) {
            headers.append(name, value);
        }
    }
    Some(Parts {
        first,
        headers,
        body,
    })
}

/// `METHOD TARGET` and headers and a body; `None` for what no HTTP library would hand on.
pub fn request(input: &[u8]) -> Option<Request<Body>> {
    let parts = parts(input)?;
    let (method, target) = parts.first.split_once(' ')?;
    let mut request = Request::new(in_pieces(parts.body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    *request.headers_mut() = parts.headers;
    Some(request)
}

/// `STATUS`, headers and a body. Headers that begin with `trailer:` are trailers.
pub fn response(input: &[u8]) -> Option<Response<Body>> {
    let parts = parts(input)?;
    let mut response = Response::new(in_pieces(parts.body));
    *response.status_mut() = StatusCode::from_bytes(parts.first.as_bytes()).ok()?;
    *response.headers_mut() = parts.headers;
    Some(response)
}

/// The body in pieces whose size follows from its length, so that every boundary is met by some input.
/// Behind a line `--trailers` come trailers.
fn in_pieces(body: &[u8]) -> Body {
    const MARK: &[u8] = b"\n--trailers\n";
    let mark = body.windows(MARK.len()).position(|window| window == MARK);
    let (data, trailers) = match mark {
        Some(at) => (&body[..at], Some(&body[at..])),
        None => (body, None),
    };
    let size = 1 + data.len() % 61;
    let mut frames: Vec<_> = data
        .chunks(size)
        .map(|piece| Frame::data(Bytes::copy_from_slice(piece)))
        .collect();
    if let Some(trailers) = trailers.and_then(|text| parts(&text[1..])) {
        frames.push(Frame::trailers(trailers.headers));
    }
    let frames = stream::iter(frames).map(Ok::<_, Infallible>);
    Body::new(StreamBody::new(frames))
}

/// What a server answered, whole.
pub struct Answer {
    /// Status and headers.
    pub head: http::response::Parts,
    /// The body.
    pub body: Bytes,
    /// The trailers of HTTP.
    pub trailers: HeaderMap,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a response breaks off");
        let trailers = body.trailers().cloned().unwrap_or_default();
        Self {
            head,
            body: body.to_bytes(),
            trailers,
        }
    }

    /// Every answer ends as its protocol demands.
    pub fn check(&self) {
        let content_type = self.head.headers.get("content-type");
        let content_type = content_type.map_or("", |value| value.to_str().expect("a content type"));
        let said = |headers: &HeaderMap| headers.contains_key("grpc-status");
        if content_type.starts_with("application/grpc-web") {
            let text = self.body.as_ref();
            assert!(said(&self.head.headers) || !text.is_empty(), "no status");
        } else if content_type.starts_with("application/grpc") {
            assert!(
                said(&self.head.headers) || said(&self.trailers),
                "no status"
            );
        } else if content_type.starts_with("application/connect+") {
            assert_eq!(self.head.status, StatusCode::OK);
            assert!(!self.body.is_empty(), "no end of stream");
        } else if content_type == "application/json" && self.head.status != StatusCode::OK {
            // A request may have asked for compression.
            if !self.head.headers.contains_key("content-encoding") {
                let error: serde_json::Value =
                    serde_json::from_slice(&self.body).expect("an error that is not JSON");
                assert!(error["code"].is_string(), "{error}");
            }
        }
    }
}

/// How long a server reads on after it has refused a call, and a second.
const LINGER: Duration = Duration::from_secs(11);

/// Runs a call to its end, on a clock that jumps over what it waits for. Nothing of it may be left running then.
pub fn run<T>(call: impl Future<Output = T>) -> Option<T> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let result = tokio::time::timeout(PATIENCE, call).await.ok();
            tokio::time::sleep(LINGER).await;
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
            result
        })
    })
}
