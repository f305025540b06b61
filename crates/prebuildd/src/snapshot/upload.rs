//! One archive on its way into the store: in parts of one size, a few at a time, and gone again
//! unless it is kept.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::SnapshotError;

/// S3 wants parts of at least 5 MiB; parts of one size suit every store.
const MIN_PART: u64 = 8 * 1024 * 1024;

/// S3 takes 10,000 parts; some room is left for data that does not compress.
const MAX_PARTS: u64 = 9_000;

/// How many parts travel at once.
const CONCURRENT: usize = 2;

/// An archive being written. Dropping it before [`keep`](Self::keep) removes what it has written.
pub(super) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    part_size: usize,
    buffer: Vec<Bytes>,
    buffered: usize,
    multipart: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    kept: bool,
}

impl Upload {
    /// Begins an archive of about `expected` bytes at most.
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, expected: u64) -> Self {
        let part = expected.div_ceil(MAX_PARTS).max(MIN_PART);
        Self {
            store,
            path,
            part_size: usize::try_from(part).unwrap_or(usize::MAX),
            buffer: Vec::new(),
            buffered: 0,
            multipart: None,
            parts: JoinSet::new(),
            kept: false,
        }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the next bytes; waits while too many are on their way.
    pub(super) async fn push(&mut self, mut bytes: Bytes) -> Result<(), SnapshotError> {
        while self.buffered + bytes.len() >= self.part_size {
            let rest = bytes.split_off(self.part_size - self.buffered);
            self.buffer.push(bytes);
            self.send_part()
                .await
                .map_err(|source| self.failed(source))?;
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.buffered += bytes.len();
            self.buffer.push(bytes);
        }
        Ok(())
    }

    /// Makes the archive visible in the store.
    pub(super) async fn finish(&mut self) -> Result<(), SnapshotError> {
        self.try_finish()
            .await
            .map_err(|source| self.failed(source))
    }

    async fn try_finish(&mut self) -> object_store::Result<()> {
        if self.multipart.is_none() {
            let whole = PutPayload::from_iter(self.buffer.drain(..));
            self.store.put(&self.path, whole).await?;
            return Ok(());
        }
        if self.buffered > 0 {
            self.send_part().await?;
        }
        self.wait_for_parts(0).await?;
        if let Some(multipart) = &mut self.multipart {
            multipart.complete().await?;
        }
        self.multipart = None;
        Ok(())
    }

    async fn send_part(&mut self) -> object_store::Result<()> {
        self.wait_for_parts(CONCURRENT - 1).await?;
        let part = PutPayload::from_iter(self.buffer.drain(..));
        self.buffered = 0;
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            none => none.insert(self.store.put_multipart(&self.path).await?),
        };
        self.parts.spawn(multipart.put_part(part));
        Ok(())
    }

    async fn wait_for_parts(&mut self, at_most: usize) -> object_store::Result<()> {
        while self.parts.len() > at_most {
            match self.parts.join_next().await {
                Some(Ok(sent)) => sent?,
                Some(Err(error)) => {
                    return Err(object_store::Error::JoinError { source: error });
                }
                None => break,
            }
        }
        Ok(())
    }

    fn failed(&self, source: object_store::Error) -> SnapshotError {
        SnapshotError::Store {
            action: "write",
            path: self.path.to_string(),
            source,
        }
    }

    /// Leaves the archive in the store.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }

    /// Removes all that was written, as far as the store lets us; the rest is for
    /// [`collect`](super::Snapshots::collect).
    pub(super) async fn discard(mut self) {
        if let Some(removal) = self.removal() {
            removal.await;
        }
    }

    fn removal(&mut self) -> Option<impl Future<Output = ()> + Send + 'static> {
        if std::mem::replace(&mut self.kept, true) {
            return None;
        }
        let (store, path) = (self.store.clone(), self.path.clone());
        let (multipart, mut parts) = (self.multipart.take(), std::mem::take(&mut self.parts));
        Some(async move {
            parts.shutdown().await;
            if let Some(mut multipart) = multipart
                && let Err(error) = multipart.abort().await
            {
                tracing::warn!(%path, %error, "could not abort the upload of a snapshot");
            }
            match store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%path, %error, "could not remove a failed snapshot"),
            }
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(removal), Ok(runtime)) = (self.removal(), Handle::try_current()) {
            runtime.spawn(removal);
        }
    }
}
