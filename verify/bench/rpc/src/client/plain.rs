//! hyper alone: sends bytes that are there already, and reads the response to its end. Nobody who calls over hyper can
//! cost less.

use bench_rpc::path;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpStream;

use crate::{AT_ONCE, BoxError, Calls, request};

/// What every request is made of.
#[derive(Clone)]
struct Plain {
    uri: Uri,
    host: Option<HeaderValue>,
    content_type: HeaderValue,
    body: Bytes,
}

impl Plain {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("bench/1"));
        headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
        request
    }
}

pub(crate) async fn begin(discipline: &str, port: u16, calls: &mut Calls) -> Result<(), BoxError> {
    let (content_type, body) = match discipline {
        "connect-json-http1" | "connect-json-h2c" => {
            ("application/json", serde_json::to_vec(&request())?)
        }
        "connect-proto-http1" | "connect-proto-h2c" => {
            ("application/proto", request().encode_to_vec())
        }
        _ => return Err(format!("no discipline is called {discipline:?}").into()),
    };
    let http1 = discipline.ends_with("http1");
    let server = format!("127.0.0.1:{port}");
    let plain = Plain {
        uri: match http1 {
            true => Uri::from_static(path::UNARY),
            false => format!("http://{server}{}", path::UNARY).parse()?,
        },
        host: http1.then(|| HeaderValue::try_from(&server)).transpose()?,
        content_type: HeaderValue::from_static(content_type),
        body: body.into(),
    };
    let connect = async || -> Result<_, BoxError> {
        let stream = TcpStream::connect(&server).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    };
    if http1 {
        for _ in 0..AT_ONCE {
            let (mut sender, connection) = http1::handshake(connect().await?).await?;
            tokio::spawn(connection);
            let plain = plain.clone();
            calls.repeat(async move || {
                sender.ready().await?;
                let response = sender.send_request(plain.request()).await?;
                response.into_body().collect().await?;
                Ok(())
            });
        }
    } else {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), connect().await?).await?;
        tokio::spawn(connection);
        for _ in 0..AT_ONCE {
            let (mut sender, plain) = (sender.clone(), plain.clone());
            calls.repeat(async move || {
                let response = sender.send_request(plain.request()).await?;
                response.into_body().collect().await?;
                Ok(())
            });
        }
    }
    Ok(())
}
