//! Encrypted connections: both HTTP versions by ALPN, and whose certificates are taken.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greeter::{GreetRequest, GreetResponse, SERVICE, UNARY, named, outcome, post};
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic_connect::transport::{ClientCertificates, Server, ServerTls, TlsError};

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }
}

/// What a handler is told about its client.
async fn who(
    request: tonic::Request<GreetRequest>,
) -> Result<tonic::Response<GreetResponse>, tonic::Status> {
    let remote = request.remote_addr().unwrap();
    assert!(remote.ip().is_loopback() && request.local_addr().unwrap() != remote);
    let greeting = match request.peer_certs() {
        Some(certificates) => format!("{:?}", certificates[0].as_ref()),
        None => "nobody".to_owned(),
    };
    Ok(tonic::Response::new(GreetResponse { greeting }))
}

async fn start(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = tower::service_fn(|request: Request<Incoming>| {
        tonic_connect::server::unary(
            &Default::default(),
            &SERVICE.methods[0],
            tonic_connect::ProtoAndJson,
            request,
            who,
        )
    });
    tokio::spawn(server.serve(listener, service, std::future::pending()));
    address
}

fn tls(authority: &Authority, clients: ClientCertificates<'_>) -> ServerTls {
    let server = authority.sign("localhost");
    let certificate = server.certificate.pem();
    let key = server.key.serialize_pem();
    ServerTls::from_pem(certificate.as_bytes(), key.as_bytes(), clients).unwrap()
}

/// What the server tells a client with this certificate about itself; an error when it takes no call.
async fn call(
    address: SocketAddr,
    authority: &Authority,
    client: Option<&Identity>,
    version: Version,
    content_type: &str,
) -> Result<String, hyper_util::client::legacy::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let chain: Vec<CertificateDer<'static>> = vec![client.certificate.der().clone()];
            let key = PrivateKeyDer::try_from(client.key.serialize_der()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only();
    let connector = match version {
        Version::HTTP_2 => connector.enable_http2().build(),
        _ => connector.enable_http1().build(),
    };
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = post("Greet", content_type, &named("Ada"));
    let uri = format!(
        "https://localhost:{}/greet.v1.Greeter/Greet",
        address.port()
    );
    *request.uri_mut() = uri.parse().unwrap();
    request
        .headers_mut()
        .insert("te", "trailers".parse().unwrap());
    let (head, body) = client.request(request).await?.into_parts();
    assert_eq!(head.version, version);
    let body = body.collect().await.unwrap();
    let reply = greeter::Reply {
        status: head.status,
        headers: head.headers,
        trailers: body.trailers().cloned().unwrap_or_default(),
        data: body.to_bytes(),
    };
    Ok(outcome(content_type, &reply).greetings.remove(0))
}

#[tokio::test]
async fn both_http_versions_are_served_by_alpn_in_every_protocol() {
    let authority = Authority::new();
    let address = start(Server::new().tls(tls(&authority, ClientCertificates::None))).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for content_type in UNARY {
            let who = call(address, &authority, None, version, content_type).await;
            assert_eq!(who.unwrap(), "nobody", "{version:?} {content_type}");
        }
    }
}

#[tokio::test]
async fn certificates_of_clients_are_checked_and_shown_to_handlers() {
    let (authority, others) = (Authority::new(), Authority::new());
    let (known, unknown) = (authority.sign("client"), others.sign("client"));
    let shown = format!("{:?}", known.certificate.der().as_ref());
    let roots = authority.0.pem();
    for (clients, without) in [
        (ClientCertificates::Required(roots.as_bytes()), None),
        (
            ClientCertificates::Optional(roots.as_bytes()),
            Some("nobody".to_owned()),
        ),
    ] {
        let address = start(Server::new().tls(tls(&authority, clients))).await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for (client, expected) in [
                (None, without.clone()),
                (Some(&known), Some(shown.clone())),
                (Some(&unknown), None),
            ] {
                let who = call(address, &authority, client, version, "application/proto").await;
                assert_eq!(who.ok(), expected, "{clients:?} {version:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_does_not_finish_its_handshake_is_closed() {
    let authority = Authority::new();
    let server = Server::new()
        .tls(tls(&authority, ClientCertificates::None))
        .header_read_timeout(Duration::from_millis(50));
    let address = start(server).await;
    for said in [&b""[..], b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        // Ends only when the server closes.
        stream.read_to_end(&mut answer).await.ok();
        assert!(!answer.starts_with(b"HTTP"));
    }
}

#[test]
fn what_is_wrong_with_a_certificate_or_a_key_is_said() {
    let authority = Authority::new();
    let (server, other) = (authority.sign("localhost"), authority.sign("localhost"));
    let (certificate, key) = (server.certificate.pem(), server.key.serialize_pem());
    let (none, other) = (ClientCertificates::None, other.key.serialize_pem());
    let no_roots = ClientCertificates::Required(b"");
    for (certificate, key, clients, expected) in [
        (
            "",
            &key[..],
            none,
            "server certificate: there is no CERTIFICATE section",
        ),
        (
            &certificate[..],
            "",
            none,
            "server key: no items found: give it as PEM",
        ),
        (
            &certificate,
            &other,
            none,
            "the server's certificate and key cannot be used",
        ),
        (
            &certificate,
            &key,
            no_roots,
            "roots of the client certificates: there is no",
        ),
    ] {
        let error: TlsError =
            ServerTls::from_pem(certificate.as_bytes(), key.as_bytes(), clients).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
