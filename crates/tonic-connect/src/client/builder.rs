//! What a channel is told before it exists, and what can be wrong with it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::uri::{Authority, Scheme, Uri};

use super::channel::{Channel, Shared};
use super::{Protocol, connector};
use crate::schema::Service;

/// As large as tonic's clients decode by default: so an answer that is too large gets the channel's error, with the
/// code that the specifications give it, and not tonic's `out_of_range`.
const DEFAULT_MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tonic-connect/", env!("CARGO_PKG_VERSION")));

/// Why a [`Channel`] could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The base URL cannot be called.
    #[error("base URL {url:?} {reason}: give one such as https://host/api")]
    Url {
        /// The URL as it was given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header, the bearer token or the user agent has bytes that no header can carry. The value is not shown, since
    /// it may be secret.
    #[error(
        "header {name:?} cannot be sent: its name or its value has characters that HTTP does not allow"
    )]
    Header {
        /// The name of the header.
        name: String,
    },
    /// There is nothing to verify a server's certificate with.
    #[error(
        "cannot prepare TLS: {0}; install the system's CA certificates, or name a file of them in SSL_CERT_FILE"
    )]
    Tls(#[source] io::Error),
}

/// Builds a [`Channel`]; see there for an example.
#[must_use]
#[derive(Clone)]
pub struct Builder {
    base: String,
    protocol: Protocol,
    services: Vec<&'static Service>,
    headers: Vec<(String, String)>,
    bearer_token: Option<String>,
    user_agent: Option<String>,
    timeout: Option<Duration>,
    connect_timeout: Duration,
    max_response_bytes: usize,
}

/// Shows no header value: any may be secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("base", &without_credentials(&self.base))
            .field("protocol", &self.protocol)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(base: String) -> Self {
        Self {
            base,
            protocol: Protocol::default(),
            services: Vec::new(),
            headers: Vec::new(),
            bearer_token: None,
            user_agent: None,
            timeout: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_response_bytes: DEFAULT_MAX_RESPONSE_BYTES,
        }
    }

    /// Makes the methods of `service` callable over Connect, which must know the kind of each (gRPC need not). May be
    /// called for any number of services.
    pub fn service(mut self, service: &'static Service) -> Self {
        self.services.push(service);
        self
    }

    /// What to speak; [`Protocol::Connect`] unless it is set.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sends `Authorization: Bearer TOKEN` with every call that has no `authorization` metadata of its own.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.bearer_token = Some(token.into());
        self
    }

    /// Sends a header with every call that has no metadata of the same name. For a name that was given before, both
    /// values are sent.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The `User-Agent`; `tonic-connect/VERSION` unless it is set.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// The timeout of a call that sets none itself (with [`tonic::Request::set_timeout`]), from its beginning to the
    /// last byte of its response. None unless it is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long name lookup, TCP and TLS may take together; 10 s unless it is set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The most bytes that one message of a response may have, as they come (a compressed one is bounded again, when
    /// tonic unpacks it). A larger one ends the call with `resource_exhausted`. 4 MiB unless it is set; tonic's own
    /// limit is the same by default, so to take larger ones raise `max_decoding_message_size` of the client too.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Makes the channel. It connects when it is first called.
    ///
    /// # Errors
    /// [`ChannelError`], when the URL, a header or the token cannot be used, or when the certificate authorities that
    /// an `https` URL needs cannot be read.
    pub fn build(self) -> Result<Channel, ChannelError> {
        let (scheme, authority, prefix) = parse_base(&self.base)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(header_name(name)?, header_value(name, value)?);
        }
        if let Some(token) = &self.bearer_token {
            let mut value = header_value("authorization", &format!("Bearer {token}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        match &self.user_agent {
            Some(agent) => headers.insert(USER_AGENT, header_value("user-agent", agent)?),
            None => headers.insert(USER_AGENT, DEFAULT_USER_AGENT),
        };
        let http =
            connector::http_client(self.protocol, scheme == Scheme::HTTPS, self.connect_timeout)
                .map_err(ChannelError::Tls)?;
        let methods: HashMap<_, _> = self
            .services
            .iter()
            .flat_map(|service| service.methods)
            .map(|method| (method.path, method))
            .collect();
        Ok(Channel::new(
            http,
            Arc::new(Shared {
                scheme,
                authority,
                prefix,
                protocol: self.protocol,
                methods,
                headers,
                timeout: self.timeout,
                max_response_bytes: self.max_response_bytes,
            }),
        ))
    }
}

fn parse_base(base: &str) -> Result<(Scheme, Authority, String), ChannelError> {
    let error = |reason| ChannelError::Url {
        url: without_credentials(base),
        reason,
    };
    let uri: Uri = base.parse().map_err(|_| error("is not a URL"))?;
    let parts = uri.into_parts();
    let scheme = match parts.scheme {
        Some(scheme) if scheme == Scheme::HTTP || scheme == Scheme::HTTPS => scheme,
        Some(_) => return Err(error("has another scheme than http or https")),
        None => return Err(error("has no scheme")),
    };
    let authority = parts.authority.ok_or_else(|| error("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(error(
            "carries credentials, which belong into a header or a bearer token",
        ));
    }
    let path_and_query = parts.path_and_query;
    if path_and_query
        .as_ref()
        .is_some_and(|path| path.query().is_some())
    {
        return Err(error("has a query"));
    }
    let prefix = path_and_query.map_or_else(String::new, |path| {
        path.path().trim_end_matches('/').to_owned()
    });
    Ok((scheme, authority, prefix))
}

/// The URL as it may be shown: what stands before an `@` of the authority is left out.
fn without_credentials(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| begin + at);
    match url[begin..end].rfind('@') {
        Some(at) => format!("{}…{}", &url[..begin], &url[begin + at..]),
        None => url.to_owned(),
    }
}

fn header_name(name: &str) -> Result<HeaderName, ChannelError> {
    HeaderName::try_from(name).map_err(|_| ChannelError::Header {
        name: name.to_owned(),
    })
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, ChannelError> {
    HeaderValue::try_from(value).map_err(|_| ChannelError::Header {
        name: name.to_owned(),
    })
}
