//! Other implementations: one process each, which answers batches of messages over pipes.
//!
//! Everything is a chunk: its length in four bytes, little end first, then its bytes. A batch is
//! one chunk of chunks, three for each message (type, binary, our JSON). The answer has two for
//! each: the peer's JSON of the binary, behind `+`, or an error behind `-`; and the binary of what
//! it reads from our JSON, likewise. The first chunk of all is the schema.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A message on its way to a peer.
pub struct Question<'a> {
    pub name: &'a str,
    pub binary: &'a [u8],
    pub json: &'a str,
}

/// What a peer made of it.
pub struct Answer {
    pub printed: Result<String, String>,
    pub parsed: Result<Vec<u8>, String>,
}

/// A process that was started.
pub struct Peer {
    /// What it is called in reports.
    pub name: String,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Peer {
    /// Starts `command`, a program and its arguments, and sends it the schema.
    pub fn start(name: &str, command: &[String], schema: &[u8]) -> io::Result<Self> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("no pipe");
        let mut peer = Self {
            name: name.to_owned(),
            input: child.stdin.take().ok_or_else(missing)?,
            output: child.stdout.take().ok_or_else(missing)?,
            child,
        };
        write_chunk(&mut peer.input, schema)?;
        peer.input.flush()?;
        Ok(peer)
    }

    /// Sends a batch.
    pub fn ask(&mut self, batch: &[Question<'_>]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for question in batch {
            write_chunk(&mut bytes, question.name.as_bytes())?;
            write_chunk(&mut bytes, question.binary)?;
            write_chunk(&mut bytes, question.json.as_bytes())?;
        }
        write_chunk(&mut self.input, &bytes)?;
        self.input.flush()
    }

    /// Waits for the answers to a batch of so many messages.
    pub fn answers(&mut self, count: usize) -> io::Result<Vec<Answer>> {
        let bytes = read_chunk(&mut self.output)?;
        let mut rest = bytes.as_slice();
        (0..count)
            .map(|_| {
                let printed = read_chunk(&mut rest)?;
                let parsed = read_chunk(&mut rest)?;
                Ok(Answer {
                    printed: outcome(printed)?.map(text),
                    parsed: outcome(parsed)?,
                })
            })
            .collect()
    }

    /// Ends the process.
    pub fn stop(mut self) -> io::Result<()> {
        drop(self.input);
        let status = self.child.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} ended with {status}",
            self.name
        )))
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn outcome(mut bytes: Vec<u8>) -> io::Result<Result<Vec<u8>, String>> {
    if bytes.is_empty() {
        return Err(io::Error::other("an answer has neither + nor - in front"));
    }
    Ok(match bytes.remove(0) {
        b'+' => Ok(bytes),
        _ => Err(text(bytes)),
    })
}

fn write_chunk(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(bytes)
}

fn read_chunk(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
