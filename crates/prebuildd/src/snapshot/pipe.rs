//! Between the asynchronous side, which moves an archive's bytes, and the blocking thread, which
//! packs or unpacks them: bounded channels of chunks, and a thread that stops when the future that
//! started it is dropped.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::progress::Progress;
use super::{ArchiveError, ArchiveInfo};

/// The size of the chunks that a packing thread hands out.
const CHUNK: usize = 1024 * 1024;

/// How many chunks may wait in a channel.
const WAITING: usize = 4;

/// Where a packing thread writes: hashes, counts, and hands out chunks of [`CHUNK`] bytes.
pub(super) struct Outlet {
    sender: mpsc::Sender<Bytes>,
    buffer: BytesMut,
    hasher: blake3::Hasher,
    size: u64,
}

/// An outlet and the end at which its chunks arrive.
pub(super) fn outlet() -> (Outlet, mpsc::Receiver<Bytes>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let outlet = Outlet {
        sender,
        buffer: BytesMut::with_capacity(CHUNK),
        hasher: blake3::Hasher::new(),
        size: 0,
    };
    (outlet, receiver)
}

impl Outlet {
    /// Hands out the rest and says how many bytes there were, and their hash.
    pub(super) fn finish(mut self) -> io::Result<(u64, blake3::Hash)> {
        self.hand_out()?;
        Ok((self.size, self.hasher.finalize()))
    }

    fn hand_out(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.hasher.update(&chunk);
        self.size += chunk.len() as u64;
        self.buffer.reserve(CHUNK);
        self.sender
            .blocking_send(chunk)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.hand_out()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What travels to an unpacking thread. The end is said, so that a channel which closes without it
/// means: whoever wanted this is gone.
enum Message {
    Chunk(Bytes),
    End,
    Failed(Box<dyn Error + Send + Sync>),
}

/// Where an unpacking thread reads: no byte passes that the manifest does not vouch for in number,
/// and the end passes only when the hash is right.
pub(super) struct Inlet {
    receiver: mpsc::Receiver<Message>,
    current: Bytes,
    hasher: blake3::Hasher,
    seen: u64,
    expected: ArchiveInfo,
    ended: bool,
    progress: Arc<Progress>,
    range: (u8, u8),
}

impl Inlet {
    fn receive(&mut self) -> Result<(), ArchiveError> {
        match self.receiver.blocking_recv() {
            None => Err(ArchiveError::Stopped),
            Some(Message::Failed(error)) => Err(ArchiveError::Source(error)),
            Some(Message::Chunk(chunk)) => {
                self.hasher.update(&chunk);
                self.seen += chunk.len() as u64;
                if self.seen > self.expected.size_bytes {
                    return Err(self.wrong_size());
                }
                self.progress
                    .part(self.range, self.seen, self.expected.size_bytes);
                self.current = chunk;
                Ok(())
            }
            Some(Message::End) => {
                self.ended = true;
                if self.seen != self.expected.size_bytes {
                    return Err(self.wrong_size());
                }
                let found = self.hasher.finalize().to_hex();
                if found.as_str() != self.expected.blake3 {
                    return Err(ArchiveError::Hash {
                        expected: self.expected.blake3.clone(),
                        found: found.to_string(),
                    });
                }
                Ok(())
            }
        }
    }

    fn wrong_size(&self) -> ArchiveError {
        ArchiveError::Size {
            expected: self.expected.size_bytes,
            found: self.seen,
        }
    }
}

impl BufRead for Inlet {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            self.receive()?;
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current = self.current.split_off(amount);
    }
}

impl Read for Inlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// Runs `work` on a blocking thread and feeds it the archive; `None` when the process shuts down.
///
/// `progress` is told the share of the archive that was read, within `range`.
pub(super) async fn feed<S, E, T, W>(
    archive: S,
    expected: ArchiveInfo,
    (progress, range): (Arc<Progress>, (u8, u8)),
    work: W,
) -> Option<T>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
    W: FnOnce(Inlet) -> T + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING);
    let inlet = Inlet {
        receiver,
        current: Bytes::new(),
        hasher: blake3::Hasher::new(),
        seen: 0,
        expected,
        ended: false,
        progress,
        range,
    };
    let thread = spawn_blocking(move || work(inlet));
    let mut archive = pin!(archive);
    loop {
        let next = tokio::select! {
            biased;
            () = sender.closed() => break,
            next = archive.next() => next,
        };
        let (message, last) = match next {
            Some(Ok(chunk)) => (Message::Chunk(chunk), false),
            Some(Err(error)) => (Message::Failed(error.into()), true),
            None => (Message::End, true),
        };
        // A closed channel means that the thread has made up its mind already.
        if sender.send(message).await.is_err() || last {
            break;
        }
    }
    join(thread).await
}

/// The result of a blocking thread; `None` when the process shuts down. Passes a panic on.
pub(super) async fn join<T>(thread: JoinHandle<T>) -> Option<T> {
    match thread.await {
        Ok(result) => Some(result),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
