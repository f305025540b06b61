//! Encrypted calls: whom a channel trusts, whom it says it is, and which HTTP comes of it.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::{Code, Request, Response, Status};
use tonic_connect::transport::{ClientCertificates, Server, ServerTls};
use tonic_connect::{Builder, Channel, Client, HttpVersion, Protocol};

use crate::greeter::{GreetRequest, GreetResponse, SERVICE, named};

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name` and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// Tells each client over which HTTP it came, and whether it showed a certificate.
pub(crate) async fn serve(
    name: &str,
    authority: &Authority,
    clients: ClientCertificates<'_>,
) -> SocketAddr {
    let (chain, key) = authority.sign(name);
    serve_over(ServerTls::from_pem(chain.as_bytes(), key.as_bytes(), clients).unwrap()).await
}

/// The same, where the server takes HTTP/1.1 alone.
pub(crate) async fn serve_http1(name: &str, authority: &Authority) -> SocketAddr {
    let mut config = config(name, authority);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    serve_over(ServerTls::from_config(config)).await
}

/// What rustls needs to show a certificate, and no word of HTTP.
fn config(name: &str, authority: &Authority) -> ServerConfig {
    let (chain, key) = authority.sign(name);
    let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap()
}

async fn serve_over(tls: ServerTls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = tower::service_fn(|request: http::Request<Incoming>| {
        let version = request.version();
        let who = async move |request: Request<GreetRequest>| {
            let shown = request.peer_certs().is_some();
            Ok::<_, Status>(Response::new(GreetResponse {
                greeting: format!("{version:?} {shown}"),
            }))
        };
        tonic_connect::server::unary(
            &Default::default(),
            &SERVICE.methods[0],
            tonic_connect::ProtoAndJson,
            request,
            who,
        )
    });
    tokio::spawn(
        Server::new()
            .tls(tls)
            .serve(listener, service, std::future::pending()),
    );
    address
}

async fn call(builder: Builder) -> Result<String, Status> {
    greet(Client::new(builder.build().unwrap())).await
}

/// Over which HTTP the call came.
pub(crate) async fn greet(client: Client) -> Result<String, Status> {
    let response = client
        .unary::<_, GreetResponse>(&SERVICE.methods[0], Request::new(named("Ada")))
        .await?;
    Ok(response.into_inner().greeting)
}

pub(crate) fn builder(address: SocketAddr, authority: &Authority) -> Builder {
    Channel::builder(format_args!("https://localhost:{}", address.port()))
        .ca_certificates(authority.pem())
}

#[tokio::test]
async fn the_http_version_is_negotiated_or_chosen() {
    let authority = Authority::new();
    let address = serve("localhost", &authority, ClientCertificates::None).await;
    for (protocol, version, expected) in [
        (Protocol::Connect, HttpVersion::Auto, "HTTP/2.0 false"),
        (Protocol::Connect, HttpVersion::Http1, "HTTP/1.1 false"),
        (Protocol::GrpcWeb, HttpVersion::Http1, "HTTP/1.1 false"),
        (Protocol::GrpcWeb, HttpVersion::Http2, "HTTP/2.0 false"),
        (Protocol::Grpc, HttpVersion::Auto, "HTTP/2.0 false"),
    ] {
        let builder = builder(address, &authority).protocol(protocol);
        let answer = call(builder.http_version(version)).await.unwrap();
        assert_eq!(answer, expected, "{protocol:?} {version:?}");
    }
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_or_of_another_name_is_not_called() {
    let (ours, others) = (Authority::new(), Authority::new());
    let address = serve("localhost", &others, ClientCertificates::None).await;
    let unknown = call(builder(address, &ours)).await.unwrap_err();
    let address = serve("elsewhere.example", &ours, ClientCertificates::None).await;
    let misnamed = call(builder(address, &ours)).await.unwrap_err();
    for (status, part) in [
        (unknown, "invalid peer certificate"),
        (misnamed, "not valid for name"),
    ] {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().contains(part), "{status:?}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let pem = clients.pem();
    let required = ClientCertificates::Required(pem.as_bytes());
    let address = serve("localhost", &servers, required).await;
    let (chain, key) = clients.sign("ada");
    for protocol in [Protocol::Connect, Protocol::Grpc] {
        let builder = builder(address, &servers).protocol(protocol);
        let refused = call(builder.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        let answer = call(builder.client_certificate(chain.clone(), key.clone())).await;
        assert_eq!(answer.unwrap(), "HTTP/2.0 true");
    }
}

#[tokio::test]
async fn a_server_that_does_not_negotiate_http2_is_not_called_over_it() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config("localhost", &authority)));
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        acceptor.accept(socket).await.unwrap();
    });
    let builder = builder(address, &authority).protocol(Protocol::Grpc);
    let status = call(builder).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().contains("does not take HTTP/2"),
        "{status:?}"
    );
}
