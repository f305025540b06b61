//! hyper alone: reads the request to its end and answers with bytes that are there already. Nobody who serves over hyper
//! can cost less.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::BoxError;

/// How HTTP/2 without TLS begins; the other requests are POST.
const PREFACE: [u8; 3] = *b"PRI";

pub(crate) async fn serve(
    listener: TcpListener,
    content_type: &'static str,
    body: Vec<u8>,
) -> Result<(), BoxError> {
    let body = Bytes::from(body);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let mut first = [0; PREFACE.len()];
            if stream.peek(&mut first).await.is_err() {
                return;
            }
            let answer = service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    let mut incoming = pin!(request.into_body());
                    // A body that failed says so for ever.
                    while let Some(Ok(_)) = poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await {}
                    let mut response = Response::new(Full::new(body));
                    response
                        .headers_mut()
                        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                    Ok::<_, Infallible>(response)
                }
            });
            let io = TokioIo::new(stream);
            let _ = if first == PREFACE {
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(io, answer)
                    .await
            } else {
                http1::Builder::new().serve_connection(io, answer).await
            };
        });
    }
}
