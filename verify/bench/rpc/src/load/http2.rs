//! One connection of HTTP/2 with canned requests: it must cost so little that the server is what is busy.
//!
//! Requests are what a good client sends: after the first one all headers are indices into HPACK's dynamic table, what
//! is ready goes out in one write, and windows are given back once half of them is used. Of responses only frame headers
//! are read.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::call::{Call, Kind};
use crate::tally::Tally;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// The same bit as ACK.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const INITIAL_WINDOW_SIZE: u16 = 4;

/// What servers may send, per stream and per connection.
const WINDOW: u32 = 1 << 20;
/// The largest frame that every peer takes.
const FRAME: usize = 16 * 1024;
/// Frames are gathered up to this size before they are written.
const WRITE: usize = 256 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    call: Call,
    concurrency: usize,
    /// The header block of the first request, and of all others.
    blocks: [Vec<u8>; 2],
    body: Vec<u8>,
    out: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    next_id: u32,
    open: Vec<Stream>,
    /// What the server lets us send on the connection, and at first on each stream.
    window: i64,
    initial_window: i64,
    /// What has come since the connection's window was last given back.
    received: u32,
}

struct Stream {
    id: u32,
    window: i64,
    sent: usize,
    received: u32,
}

impl Connection {
    pub(crate) async fn open(port: u16, call: Call, concurrency: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut out, SETTINGS, 0, 0, 6);
        out.extend(INITIAL_WINDOW_SIZE.to_be_bytes());
        out.extend(WINDOW.to_be_bytes());
        window_update(&mut out, 0, WINDOW - 65_535);
        Ok(Self {
            stream,
            call,
            concurrency,
            blocks: header_blocks(port, call),
            body: call.body(),
            out,
            input: vec![0; 256 * 1024],
            filled: 0,
            next_id: 1,
            open: Vec::with_capacity(concurrency),
            window: 65_535,
            initial_window: 65_535,
            received: 0,
        })
    }

    /// Calls until `tally` has had enough.
    pub(crate) async fn run(&mut self, tally: &Tally) -> io::Result<()> {
        loop {
            while self.open.len() < self.concurrency && tally.begin() {
                self.request();
            }
            while self.send(tally) {
                self.stream.write_all(&self.out).await?;
                self.out.clear();
            }
            if !self.out.is_empty() {
                self.stream.write_all(&self.out).await?;
                self.out.clear();
            }
            if self.open.is_empty() {
                return Ok(());
            }
            let read = self.stream.read(&mut self.input[self.filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.filled += read;
            self.receive(tally)?;
        }
    }

    /// Begins a call; its body follows with [`send`](Self::send).
    fn request(&mut self) {
        let block = &self.blocks[usize::from(self.next_id != 1)];
        frame(
            &mut self.out,
            HEADERS,
            END_HEADERS,
            self.next_id,
            block.len(),
        );
        self.out.extend_from_slice(block);
        self.open.push(Stream {
            id: self.next_id,
            window: self.initial_window,
            sent: 0,
            received: 0,
        });
        self.next_id += 2;
    }

    /// Gathers what the windows allow; whether there is more than one write takes.
    fn send(&mut self, tally: &Tally) -> bool {
        for stream in &mut self.open {
            while stream.sent < self.body.len() {
                if self.out.len() >= WRITE {
                    return true;
                }
                let allowed = stream.window.min(self.window).max(0) as usize;
                let length = (self.body.len() - stream.sent).min(FRAME).min(allowed);
                if length == 0 {
                    break;
                }
                let end = stream.sent + length;
                let flags = if end == self.body.len() {
                    END_STREAM
                } else {
                    0
                };
                frame(&mut self.out, DATA, flags, stream.id, length);
                self.out.extend_from_slice(&self.body[stream.sent..end]);
                stream.sent = end;
                stream.window -= length as i64;
                self.window -= length as i64;
                if self.call.kind == Kind::ClientStream {
                    tally.stream(length);
                }
            }
        }
        false
    }

    /// Reads all frames that have come whole.
    fn receive(&mut self, tally: &Tally) -> io::Result<()> {
        let mut at = 0;
        while let Some(head) = self.input[at..self.filled].first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1);
            if self.filled - at < 9 + length {
                break;
            }
            let payload = at + 9..at + 9 + length;
            at = payload.end;
            match kind {
                DATA => self.data(id, &payload, tally),
                SETTINGS if flags & END_STREAM == 0 => self.settings(&payload),
                PING if flags & END_STREAM == 0 => {
                    frame(&mut self.out, PING, END_STREAM, 0, length);
                    self.out.extend_from_slice(&self.input[payload.clone()]);
                }
                WINDOW_UPDATE => {
                    let increment = i64::from(self.u32_at(payload.start));
                    match self.open.iter_mut().find(|stream| stream.id == id) {
                        Some(stream) => stream.window += increment,
                        None if id == 0 => self.window += increment,
                        None => {}
                    }
                }
                RST_STREAM | GOAWAY => {
                    return Err(io::Error::other(format!(
                        "frame {kind} on stream {id}: {:?}",
                        &self.input[payload]
                    )));
                }
                _ => {}
            }
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                self.open.retain(|stream| stream.id != id);
                tally.end();
                if tally.begin() {
                    self.request();
                }
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }

    fn data(&mut self, id: u32, payload: &std::ops::Range<usize>, tally: &Tally) {
        let length = payload.len() as u32;
        tally.answer(&self.input[payload.clone()]);
        if self.call.kind == Kind::ServerStream {
            tally.stream(payload.len());
        }
        self.received += length;
        if self.received >= WINDOW / 2 {
            window_update(&mut self.out, 0, self.received);
            self.received = 0;
        }
        if let Some(stream) = self.open.iter_mut().find(|stream| stream.id == id) {
            stream.received += length;
            if stream.received >= WINDOW / 2 {
                window_update(&mut self.out, id, stream.received);
                stream.received = 0;
            }
        }
    }

    fn settings(&mut self, payload: &std::ops::Range<usize>) {
        for at in payload.clone().step_by(6) {
            if self.input[at..at + 2] == INITIAL_WINDOW_SIZE.to_be_bytes() {
                let window = i64::from(self.u32_at(at + 2));
                for stream in &mut self.open {
                    stream.window += window - self.initial_window;
                }
                self.initial_window = window;
            }
        }
        frame(&mut self.out, SETTINGS, END_STREAM, 0, 0);
    }

    fn u32_at(&self, at: usize) -> u32 {
        let bytes = self.input[at..].first_chunk().copied();
        u32::from_be_bytes(bytes.unwrap_or_default())
    }
}

/// The head of a frame.
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, id: u32, length: usize) {
    out.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&id.to_be_bytes());
}

fn window_update(out: &mut Vec<u8>, id: u32, increment: u32) {
    frame(out, WINDOW_UPDATE, 0, id, 4);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// The header block that fills HPACK's dynamic table, and the one that uses it (RFC 7541, 6.1 and 6.2.1).
fn header_blocks(port: u16, call: Call) -> [Vec<u8>; 2] {
    let mut headers = vec![
        (":path", call.path().to_owned()),
        (":authority", format!("127.0.0.1:{port}")),
    ];
    headers.extend(call.headers());
    // `:method: POST` and `:scheme: http` of the static table.
    let (mut first, mut next) = (vec![0x83, 0x86], vec![0x83, 0x86]);
    for (index, (name, value)) in headers.iter().enumerate() {
        first.push(0x40);
        for text in [name, value.as_str()] {
            // One byte holds lengths up to 126.
            first.push(text.len() as u8);
            first.extend_from_slice(text.as_bytes());
        }
        // The entry that came last is number 62.
        next.push(0x80 | (62 + headers.len() - 1 - index) as u8);
    }
    [first, next]
}
