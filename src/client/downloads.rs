//! What is downloaded rather than called: logs, and snapshots from servers that offer them.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use http::Uri;
use tonic::Status;
use tonic_connect::{Channel, Download};

use super::wait::phase;
use super::{Client, ClientError};
use crate::v1::Prebuild;

/// A body in chunks, as it comes. It ends with the first error.
pub type Chunks = BoxStream<'static, Result<Bytes, ClientError>>;

/// The largest manifest that is read into memory.
const MAX_MANIFEST_BYTES: usize = 64 * 1024 * 1024;

impl Client {
    /// The log of a prebuild, running or ended, from its beginning. With `follow` it goes on until the prebuild has
    /// ended, and waits for the log to begin if need be; without, it ends with what there is now.
    ///
    /// It is read from `status.log_url`, on whichever host that is, with a token that is good for this log alone.
    ///
    /// # Errors
    /// [`ClientError::Status`]; [`ClientError::NoLog`] when there is no log (yet); [`ClientError::LogUrl`] when its
    /// address cannot be used, or would take the token off an encrypted connection.
    pub async fn logs(&self, id: &str, follow: bool) -> Result<Chunks, ClientError> {
        let mut prebuild = self.get(id).await?;
        if follow && log_url(&prebuild).is_empty() && !phase(&prebuild).has_ended() {
            prebuild = self
                .wait_until(id, |prebuild| !log_url(prebuild).is_empty())
                .await?;
        }
        let url = log_url(&prebuild);
        if url.is_empty() {
            return Err(ClientError::NoLog {
                id: id.to_owned(),
                phase: phase(&prebuild),
            });
        }
        let (channel, uri) = self.locate_log(id, url, follow || phase(&prebuild).has_ended())?;
        let token = self.create_logs_token(id).await?;
        let download = self.download(&channel, &uri, Some(&token)).await?;
        Ok(self.chunks(download))
    }

    /// The manifest of a completed prebuild's snapshot, as JSON. Only the open server of this project has it; it is no
    /// part of the public API.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `not_found` when there is no snapshot, or a server without this extension.
    pub async fn snapshot_manifest(&self, id: &str) -> Result<Bytes, ClientError> {
        let mut download = self.snapshot_part(id, "/manifest").await?;
        let mut manifest = Vec::new();
        while let Some(chunk) = download
            .try_next()
            .await
            .map_err(|status| self.failed(status))?
        {
            if manifest.len() + chunk.len() > MAX_MANIFEST_BYTES {
                return Err(self.failed(Status::resource_exhausted(format!(
                    "the manifest is larger than {MAX_MANIFEST_BYTES} bytes"
                ))));
            }
            manifest.extend_from_slice(&chunk);
        }
        Ok(manifest.into())
    }

    /// The bytes of a completed prebuild's snapshot: a compressed archive that the manifest describes. The same
    /// extension as [`Client::snapshot_manifest`].
    ///
    /// # Errors
    /// As [`Client::snapshot_manifest`], and the stream's when the connection breaks.
    pub async fn snapshot(&self, id: &str) -> Result<Chunks, ClientError> {
        let download = self.snapshot_part(id, "").await?;
        Ok(self.chunks(download))
    }

    async fn snapshot_part(&self, id: &str, part: &str) -> Result<Download, ClientError> {
        let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let uri = is_id
            .then(|| Uri::try_from(format!("/prebuilds/{id}/snapshot{part}")).ok())
            .flatten()
            .ok_or_else(|| {
                self.failed(Status::invalid_argument(format!(
                    "prebuild id {id:?} is not a UUID"
                )))
            })?;
        self.download(&self.channel, &uri, None).await
    }

    async fn download(
        &self,
        channel: &Channel,
        uri: &Uri,
        token: Option<&str>,
    ) -> Result<Download, ClientError> {
        self.retry(|| async {
            let begun = tokio::time::timeout(self.timeout, channel.get(uri, token));
            begun.await.unwrap_or_else(|_| {
                Err(Status::deadline_exceeded(format!(
                    "the download did not begin within {:?}",
                    self.timeout
                )))
            })
        })
        .await
    }

    fn chunks(&self, download: Download) -> Chunks {
        let client = self.clone();
        download
            .map_err(move |status| client.failed(status))
            .boxed()
    }

    /// Where a log is, and the channel that leads there.
    fn locate_log(
        &self,
        id: &str,
        url: &str,
        to_the_end: bool,
    ) -> Result<(Channel, Uri), ClientError> {
        let error = |reason| ClientError::LogUrl {
            id: id.to_owned(),
            url: url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| error("is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| error("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(error("carries credentials"));
        }
        let ours_is_https = self
            .base_url
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let channel = match uri.scheme_str() {
            Some("https") if ours_is_https => self.channel.clone(),
            Some("https") => Channel::builder(format_args!("https://{authority}")).build()?,
            Some("http") if !ours_is_https => self.channel.clone(),
            Some("http") => {
                return Err(error("is not encrypted, unlike the server's own address"));
            }
            _ => return Err(error("has another scheme than http or https")),
        };
        // Said only where it matters: an address may be signed, and then bears no additions.
        let uri = match to_the_end {
            true => uri,
            false => {
                let mark = if uri.query().is_some() { '&' } else { '?' };
                format!("{uri}{mark}follow=false")
                    .parse()
                    .map_err(|_| error("is not a URL"))?
            }
        };
        Ok((channel, uri))
    }
}

fn log_url(prebuild: &Prebuild) -> &str {
    prebuild
        .status
        .as_ref()
        .map_or("", |status| status.log_url.as_str())
}
