//! Reading a log while it grows.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream};

use super::{Shared, off_thread, read_at};

/// How many bytes one item of a [`LogStream`] has at most.
const CHUNK: u64 = 64 * 1024;

/// The bytes of a log from an offset on; ends when the log has ended and all of it was read.
/// Waits for notifications, never polls the file, and holds one chunk at a time.
pub struct LogStream(BoxStream<'static, io::Result<Bytes>>);

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogStream")
    }
}

struct Follower {
    shared: Arc<Shared>,
    file: Option<Arc<File>>,
    offset: u64,
    failed: bool,
}

impl LogStream {
    pub(super) fn new(shared: Arc<Shared>, offset: u64) -> Self {
        let follower = Follower {
            shared,
            file: None,
            offset,
            failed: false,
        };
        Self(Box::pin(stream::unfold(follower, |mut follower| async {
            let item = follower.next().await?;
            follower.failed = item.is_err();
            Some((item, follower))
        })))
    }
}

impl Stream for LogStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl Follower {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.failed {
            return None;
        }
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let path = self.shared.path.clone();
                match off_thread(move || File::open(path)).await {
                    Ok(file) => Arc::clone(self.file.insert(Arc::new(file))),
                    Err(error) => return Some(Err(error)),
                }
            }
        };
        let mut changes = self.shared.extent.subscribe();
        loop {
            let extent = *changes.borrow_and_update();
            if self.offset < extent.length {
                let length = (extent.length - self.offset).min(CHUNK) as usize;
                let offset = self.offset;
                return match off_thread(move || read_at(&file, offset, length)).await {
                    Ok(bytes) if bytes.is_empty() => None,
                    Ok(bytes) => {
                        self.offset += bytes.len() as u64;
                        Some(Ok(bytes))
                    }
                    Err(error) => Some(Err(error)),
                };
            }
            if extent.ended {
                return None;
            }
            // The sender lives in `self.shared`, so this only ever ends with a change.
            changes.changed().await.ok()?;
        }
    }
}
