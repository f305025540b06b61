//! Plain downloads beside the calls: what a server of messages offers under URLs, over the channel's own connections.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use http::{StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};
use tonic::body::Body;
use tonic::{Code, Status};

use super::channel::{Channel, Shared};
use super::deadline::Deadline;
use super::token::bearer;
use super::transport::Incoming;
use super::{Protocol, base_url, head};
use crate::error::{code_from_http_status, parse_connect_error};

/// The most of an error's body that is read, and of that the most that is shown when it is text.
const MAX_ERROR_BYTES: usize = 64 * 1024;
const MAX_ERROR_TEXT: usize = 300;

/// The body of a response to [`Channel::get`], as it comes: a stream of chunks. It ends with an error when the
/// connection breaks before the body is complete.
pub struct Download {
    /// None once the body is over.
    incoming: Option<Incoming>,
    length: Option<u64>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("content_length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Download {
    /// How many bytes the whole body has, if the server said so.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(incoming) = &mut self.incoming else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(incoming).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(status)) => {
                    self.incoming = None;
                    return Poll::Ready(Some(Err(status)));
                }
                None => self.incoming = None,
            }
        }
    }
}

impl Channel {
    /// Sends a plain GET and returns the body of its response.
    ///
    /// A `target` that is a path (with a query, or without) stands below the base URL; an absolute one goes where it
    /// says. The channel's headers, its bearer token among them, go to the base URL's own scheme, host and port only;
    /// `bearer_token` is sent to wherever `target` points, in place of the channel's. The channel's timeout covers the
    /// time until the body begins, and not the body.
    ///
    /// # Errors
    /// Like a call's: the [`Status`] that the server sent as Connect's JSON, or the one that the HTTP status stands
    /// for; redirects are not followed. `unavailable` when there is no connection, `deadline_exceeded` after the
    /// timeout, `invalid_argument` for a token or a target that HTTP cannot carry, and for a target that carries
    /// credentials, or is of another scheme than the base URL's.
    pub async fn get(&self, target: &Uri, bearer_token: Option<&str>) -> Result<Download, Status> {
        let shared = self.shared();
        let uri = match target.scheme() {
            Some(_) => target.clone(),
            None => shared.uri(target)?,
        };
        if let Some(scheme) = uri.scheme()
            && *scheme != shared.scheme
        {
            return Err(Status::invalid_argument(format!(
                "{scheme} is not the scheme of the channel, which is {own}: build another channel for it",
                own = shared.scheme,
            )));
        }
        if let Some(authority) = uri.authority() {
            base_url::check(authority)
                .map_err(|reason| Status::invalid_argument(format!("the target {reason}")))?;
        }
        let mut request = http::Request::new(Body::empty());
        *request.version_mut() = match shared.protocol {
            Protocol::Connect | Protocol::GrpcWeb => Version::HTTP_11,
            Protocol::Grpc => Version::HTTP_2,
        };
        add_headers(request.headers_mut(), shared, &uri, bearer_token)?;
        let own = shared.is_origin_of(&uri);
        *request.uri_mut() = uri;

        let mut deadline = Deadline::start(shared.timeout);
        deadline
            .cover(async {
                if own
                    && bearer_token.is_none()
                    && let Some(token) = &shared.token
                    && !request.headers().contains_key(AUTHORIZATION)
                {
                    let token = token.header().await?;
                    request.headers_mut().insert(AUTHORIZATION, token);
                }
                let response = match own {
                    true => shared.transport.send(request).await?,
                    false => shared.transport.send_elsewhere(request).await?,
                };
                if response.status() == StatusCode::OK {
                    let incoming = response.into_body();
                    return Ok(Download {
                        length: incoming.size_hint().exact(),
                        incoming: Some(incoming),
                    });
                }
                Err(read_error(response).await)
            })
            .await
    }
}

fn add_headers(
    headers: &mut HeaderMap,
    shared: &Shared,
    uri: &Uri,
    bearer_token: Option<&str>,
) -> Result<(), Status> {
    if let Some(token) = bearer_token {
        let value =
            bearer(token).ok_or_else(|| Status::invalid_argument("the bearer token is not one"))?;
        headers.insert(AUTHORIZATION, value);
    }
    if shared.is_origin_of(uri) {
        shared.add_headers(headers);
    } else if let Some(agent) = shared.headers.get(USER_AGENT) {
        headers.insert(USER_AGENT, agent.clone());
    }
    Ok(())
}

/// The error that a response is: Connect's JSON, or the HTTP status with the text that came with it.
async fn read_error(response: http::Response<Incoming>) -> Status {
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, MAX_ERROR_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let content_type = head::content_type(&head.headers);
    if content_type.eq_ignore_ascii_case("application/json") {
        return parse_connect_error(head.status, &body);
    }
    let mut text = String::new();
    if content_type.eq_ignore_ascii_case("text/plain") {
        let shown = String::from_utf8_lossy(&body);
        text.extend(
            shown
                .trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_ERROR_TEXT),
        );
    }
    if text.is_empty() {
        text = format!("the server answered HTTP status {}", head.status);
    }
    Status::new(code(head.status), text)
}

/// GET has a plain meaning of 404, which the table of the protocols, made for wrong addresses, has not.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Code::NotFound,
        other => code_from_http_status(other),
    }
}
