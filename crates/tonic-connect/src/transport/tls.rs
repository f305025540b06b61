//! TLS for the listening side: who the server is, and whose certificates it takes.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

/// The protocols to choose from once a connection is encrypted, the better one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why certificates or a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text is not PEM, or lacks the section.
    #[error("{what}: {source}: give it as PEM")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// What is wrong with the text.
        source: pem::Error,
    },
    /// There is no certificate in the text.
    #[error("{what}: there is no CERTIFICATE section in the PEM text")]
    NoCertificate {
        /// What was looked for.
        what: &'static str,
    },
    /// The certificates are not valid, or the key is not theirs.
    #[error("the server's certificate and key cannot be used: {0}")]
    Identity(#[source] rustls::Error),
    /// A root that client certificates shall lead to is not valid.
    #[error("a root of the client certificates cannot be used: {0}")]
    Root(#[source] rustls::Error),
    /// The roots do not make a verifier.
    #[error("the roots of the client certificates cannot be used: {0}")]
    Verifier(#[from] VerifierBuilderError),
}

/// Whether clients have certificates of their own. The text is PEM: the roots that such a certificate must lead to.
#[derive(Clone, Copy, Debug)]
pub enum ClientCertificates<'a> {
    /// None is asked for.
    None,
    /// A client may come without; a certificate that does not lead to these roots is refused all the same.
    Optional(&'a [u8]),
    /// A client without one is refused before it can send a request.
    Required(&'a [u8]),
}

/// The server's certificate and key, and what it asks of its clients: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::fs::read;
/// use tonic_connect::transport::{ClientCertificates, Server, ServerTls};
///
/// let clients = read("clients.pem")?;
/// let clients = ClientCertificates::Required(&clients);
/// let server = Server::new().tls(ServerTls::from_pem(&read("server.pem")?, &read("server.key")?, clients)?);
/// # Ok(())
/// # }
/// ```
///
/// A handler finds the certificates of its client with [`tonic::Request::peer_certs`], its own first.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Serves with this certificate, followed by those between it and a root that clients know, and its private key
    /// (PKCS #8, PKCS #1 or SEC 1), both in PEM.
    ///
    /// # Errors
    /// [`TlsError`] says which text is not right.
    pub fn from_pem(
        certificate_chain: &[u8],
        private_key: &[u8],
        clients: ClientCertificates<'_>,
    ) -> Result<Self, TlsError> {
        let chain = certificates("server certificate", certificate_chain)?;
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|source| TlsError::Pem {
            what: "server key",
            source,
        })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Identity)?;
        let builder = match clients {
            ClientCertificates::None => builder.with_no_client_auth(),
            ClientCertificates::Optional(pem) | ClientCertificates::Required(pem) => {
                let mut roots = RootCertStore::empty();
                for root in certificates("roots of the client certificates", pem)? {
                    roots.add(root).map_err(TlsError::Root)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match clients {
                    ClientCertificates::Optional(_) => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(TlsError::Identity)?;
        Ok(Self::from_config(config))
    }

    /// Serves with a configuration of rustls, for certificates that change while the server runs (`cert_resolver`) and
    /// all else that [`from_pem`](Self::from_pem) does not offer. Without protocols for ALPN it gets `h2` and
    /// `http/1.1`.
    #[must_use]
    pub fn from_config(mut config: ServerConfig) -> Self {
        if config.alpn_protocols.is_empty() {
            config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        }
        Self {
            config: Arc::new(config),
        }
    }
}

/// The certificates of a PEM text, of which there is at least one.
fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { what, source })?;
    match certificates.is_empty() {
        true => Err(TlsError::NoCertificate { what }),
        false => Ok(certificates),
    }
}
