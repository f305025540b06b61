//! The URL that a channel is built on: which ones can be called, and how one is shown.

use http::uri::{Authority, Scheme, Uri};

use super::ChannelError;

/// Scheme, host with port, and the path without a slash at its end.
pub(super) fn parse(base: &str) -> Result<(Scheme, Authority, String), ChannelError> {
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
    check(&authority).map_err(error)?;
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

/// Whether host and port can be called; if not, why.
pub(super) fn check(authority: &Authority) -> Result<(), &'static str> {
    if authority.as_str().contains('@') {
        return Err("carries credentials, which belong into a header or a bearer token");
    }
    if authority.host().is_empty() {
        return Err("has no host");
    }
    // What the `http` crate cannot read as a port it takes for none.
    let port = &authority.as_str()[authority.host().len()..];
    if !matches!(port, "" | ":") && authority.port_u16().is_none() {
        return Err("has a port that is not between 0 and 65535");
    }
    Ok(())
}

/// The URL as it may be shown: what stands before an `@` is left out, even where that is no part of the host, since a
/// password may hold any character.
pub(super) fn without_credentials(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].rfind('@') {
        Some(at) => format!("{}…{}", &url[..begin], &url[begin + at..]),
        None => url.to_owned(),
    }
}
