//! Whom a channel trusts, and who it says it is.

use std::io;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::ChannelError;

/// What the builder was told, still as PEM.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// Authorities to trust instead of the system's.
    pub(super) authorities: Option<Vec<u8>>,
    /// The client's own certificates and their key.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// The system's authorities are read only if there is no other.
    pub(super) fn config(&self) -> Result<ClientConfig, ChannelError> {
        let config = builder()?;
        let config = match &self.authorities {
            None => config.with_native_roots().map_err(ChannelError::Tls)?,
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("CA certificates", pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| unusable("CA certificates", error))?;
                }
                config.with_root_certificates(roots)
            }
        };
        let Some((chain, key)) = &self.identity else {
            return Ok(config.with_no_client_auth());
        };
        let chain = certificates("client certificate", chain)?;
        // What is wrong with a key is not shown: the reason could quote it.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| ChannelError::Certificate {
            what: "client key",
            reason: "it is not a private key in PEM".to_owned(),
        })?;
        config
            .with_client_auth_cert(chain, key)
            .map_err(|error| unusable("client certificate", error))
    }
}

/// For URLs without TLS: a configuration that trusts nobody.
pub(super) fn none() -> Result<ClientConfig, ChannelError> {
    Ok(builder()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, ChannelError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ChannelError::Tls(io::Error::other(error)))
}

fn certificates(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ChannelError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(what, error))?;
    if certificates.is_empty() {
        return Err(unusable(what, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn unusable(what: &'static str, reason: impl ToString) -> ChannelError {
    ChannelError::Certificate {
        what,
        reason: reason.to_string(),
    }
}
