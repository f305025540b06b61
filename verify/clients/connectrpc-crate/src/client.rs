//! Calls of the echo service by the crate's own client, over every transport that it has.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use buffa::{Message as _, MessageField};
use connectrpc::client::{CallOptions, ClientConfig, HttpClient, call_unary_get};
use connectrpc::{CodecFormat, ConnectError, ErrorCode, Protocol, SpecOrigin};

use crate::Error;
use crate::generated::echo::v1::__buffa::view::EchoResponseView;
use crate::generated::echo::v1::{
    CountRequest, ECHO_SERVICE_READ_SPEC, EchoRequest, EchoServiceClient, ErrorDetail, FailRequest,
    Number,
};

type Client = EchoServiceClient<HttpClient>;
type Outcome = Result<(), Error>;

/// Whether all cases passed.
pub async fn call(url: &str) -> Result<bool, Error> {
    let mut passed = true;
    for (name, protocol, codec, http2) in [
        ("connect h1", Protocol::Connect, CodecFormat::Proto, false),
        ("connect h2", Protocol::Connect, CodecFormat::Proto, true),
        (
            "connect json h1",
            Protocol::Connect,
            CodecFormat::Json,
            false,
        ),
        ("grpc", Protocol::Grpc, CodecFormat::Proto, true),
        ("grpc-web h1", Protocol::GrpcWeb, CodecFormat::Proto, false),
    ] {
        let http = if http2 {
            HttpClient::plaintext_http2_only()
        } else {
            HttpClient::plaintext()
        };
        let config = ClientConfig::new(url.parse()?)
            .with_protocol(protocol)
            .with_codec_format(codec);
        let client = EchoServiceClient::new(http.clone(), config.clone());
        let zipping =
            EchoServiceClient::new(http.clone(), config.clone().compress_requests("gzip"));
        let mut outcomes = vec![
            ("unary", unary(&client).await),
            ("gzip", gzip(&zipping).await),
            ("metadata", metadata(&client).await),
            ("error", error(&client).await),
            ("deadline", deadline(&client).await),
            ("server stream", server_stream(&client).await),
            ("stream error", stream_error(&client).await),
            ("client stream", client_stream(&client).await),
        ];
        if http2 {
            outcomes.push(("bidi", bidi(&client).await));
        }
        if protocol == Protocol::Connect {
            outcomes.push(("get", get(&http, &config).await));
        }
        for (case, outcome) in outcomes {
            passed &= outcome.is_ok();
            let said = outcome.map_or_else(
                |e| format!("FAILED {e}").replace(['\n', '\t'], " "),
                |()| "ok".to_owned(),
            );
            println!("{name}\t{case}\t{said}");
        }
    }
    Ok(passed)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, shall: T) -> Outcome {
    if is == shall {
        Ok(())
    } else {
        Err(format!("{what} is {is:?}, not {shall:?}").into())
    }
}

fn number(value: i64) -> Number {
    Number {
        value,
        ..Default::default()
    }
}

fn request(text: &str) -> EchoRequest {
    EchoRequest {
        text: text.to_owned(),
        data: vec![0, 1, 255],
        number: i64::MIN,
        ..Default::default()
    }
}

async fn unary(client: &Client) -> Outcome {
    let text = "grüße".repeat(2000);
    let response = client.echo(request(&text)).await?.into_owned();
    same("text", response.text, text)?;
    same("data", &response.data[..], &[0, 1, 255])?;
    same("number", response.number, i64::MIN)
}

async fn gzip(client: &Client) -> Outcome {
    let text = "grüße".repeat(2000);
    let (headers, response, _) = client.echo(request(&text)).await?.into_owned_parts();
    same("text", response.text, text)?;
    let encoding = headers
        .get("x-request-encoding")
        .and_then(|value| value.to_str().ok());
    same("the request's encoding", encoding, Some("gzip"))
}

async fn metadata(client: &Client) -> Outcome {
    let binary = STANDARD_NO_PAD.encode([0, 1, 255]);
    let options = CallOptions::default()
        .with_header("x-echo", "one")
        .with_header("x-echo", "two")
        .with_header("x-echo-bin", &binary);
    let (headers, _, trailers) = client
        .echo_with_options(request(""), options)
        .await?
        .into_owned_parts();
    for (map, name) in [(&headers, "x-echo"), (&trailers, "x-trailer")] {
        let values: Vec<_> = map
            .get_all(name)
            .iter()
            .flat_map(|value| value.to_str())
            .collect();
        same(name, values.join(", ").as_str(), "one, two")?;
        let value = map
            .get(format!("{name}-bin"))
            .ok_or_else(|| format!("no {name}-bin"))?;
        same(name, value.to_str()?.trim_end_matches('='), &binary)?;
    }
    Ok(())
}

fn is_error(error: &ConnectError, code: ErrorCode, message: &str, reason: &str) -> Outcome {
    same("code", error.code, code)?;
    same("message", error.message.as_deref(), Some(message))?;
    let detail = error.details.first().ok_or("the error has no detail")?;
    same(
        "type",
        detail.type_url.rsplit('/').next(),
        Some("echo.v1.ErrorDetail"),
    )?;
    let value = detail
        .value
        .as_deref()
        .unwrap_or_default()
        .trim_end_matches('=');
    let detail = ErrorDetail::decode_from_slice(&STANDARD_NO_PAD.decode(value)?)?;
    same("reason", detail.reason.as_str(), reason)
}

async fn error(client: &Client) -> Outcome {
    let message = "no: 100% ünsure";
    let detail = ErrorDetail {
        reason: "too late".to_owned(),
        ..Default::default()
    };
    let request = FailRequest {
        code: 9,
        message: message.to_owned(),
        detail: MessageField::some(detail),
        ..Default::default()
    };
    let error = client.fail(request).await.err().ok_or("it did not fail")?;
    is_error(&error, ErrorCode::FailedPrecondition, message, "too late")
}

async fn deadline(client: &Client) -> Outcome {
    let options = CallOptions::default().with_timeout(Duration::from_secs(50));
    let left = client
        .echo_with_options(request(""), options)
        .await?
        .into_owned()
        .timeout_ms;
    if !(40_000..=50_000).contains(&left) {
        return Err(format!("the server saw a timeout of {left} ms, not of 50 s").into());
    }
    let options = CallOptions::default().with_timeout(Duration::from_millis(200));
    let error = client
        .wait_with_options(request(""), options)
        .await
        .err()
        .ok_or("it did not fail")?;
    same("code", error.code, ErrorCode::DeadlineExceeded)
}

async fn server_stream(client: &Client) -> Outcome {
    let mut numbers = client
        .count(CountRequest {
            to: 3,
            ..Default::default()
        })
        .await?;
    for value in 1..=3 {
        let message = numbers
            .message::<Number>()
            .await?
            .ok_or("the stream ended")?;
        same("message", message.to_owned_message().value, value)?;
    }
    same("more", numbers.message::<Number>().await?.is_some(), false)
}

async fn stream_error(client: &Client) -> Outcome {
    let mut numbers = client
        .count(CountRequest {
            to: 2,
            fail: true,
            ..Default::default()
        })
        .await?;
    for value in 1..=2 {
        let message = numbers
            .message::<Number>()
            .await?
            .ok_or("the stream ended")?;
        same("message", message.to_owned_message().value, value)?;
    }
    let error = numbers
        .message::<Number>()
        .await
        .err()
        .ok_or("it did not fail")?;
    is_error(&error, ErrorCode::Aborted, "counted enough", "asked for")
}

async fn client_stream(client: &Client) -> Outcome {
    let response = client
        .sum(connectrpc::stream_iter((1..=4).map(number)))
        .await?;
    same("sum", response.into_owned().value, 10)
}

/// Each number is sent when the double of the one before has come.
async fn bidi(client: &Client) -> Outcome {
    let mut stream = client.double().await?;
    for value in 1..=3 {
        stream.send(number(value)).await?;
        let message = stream
            .message::<Number>()
            .await?
            .ok_or("the stream ended")?;
        same("message", message.to_owned_message().value, 2 * value)?;
    }
    stream.close_send();
    same("more", stream.message::<Number>().await?.is_some(), false)
}

async fn get(http: &HttpClient, config: &ClientConfig) -> Outcome {
    let spec = ECHO_SERVICE_READ_SPEC.with_origin(SpecOrigin::Client);
    let options = CallOptions::default();
    let response = call_unary_get::<_, _, EchoResponseView<'static>>(
        http,
        config,
        spec,
        request("got"),
        options,
    )
    .await?;
    let (headers, response, _) = response.into_owned_parts();
    same("text", response.text.as_str(), "got")?;
    same(
        "method",
        headers
            .get("x-http-method")
            .and_then(|value| value.to_str().ok()),
        Some("GET"),
    )
}
