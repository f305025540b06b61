//! One connection of HTTP/1.1: a request, its answer, the next request.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::call::Call;
use crate::tally::Tally;

pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    input: Vec<u8>,
    /// How long a response is. Every one is the same: only the date differs.
    shape: Option<Shape>,
}

/// Where the parts of a response are.
struct Shape {
    head: usize,
    whole: usize,
    chunked: bool,
}

impl Connection {
    pub(crate) async fn open(port: u16, call: Call) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n",
            call.path()
        );
        for (name, value) in call.headers() {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut request = request.into_bytes();
        request.extend(call.body());
        Ok(Self {
            stream,
            request,
            input: vec![0; 64 * 1024],
            shape: None,
        })
    }

    /// Calls until `tally` has had enough.
    pub(crate) async fn run(&mut self, tally: &Tally) -> io::Result<()> {
        while tally.begin() {
            self.stream.write_all(&self.request).await?;
            let mut filled = 0;
            let whole = loop {
                let read = self.stream.read(&mut self.input[filled..]).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                filled += read;
                if self.shape.is_none() {
                    self.shape = Shape::of(&self.input[..filled])?;
                }
                if let Some(shape) = &self.shape
                    && filled >= shape.whole
                {
                    shape.tell(&self.input[..shape.whole], tally);
                    break shape.whole;
                }
            };
            if filled != whole || !self.input.starts_with(b"HTTP/1.1 200 ") {
                let text = String::from_utf8_lossy(&self.input[..filled]).into_owned();
                return Err(io::Error::other(format!("unexpected response: {text}")));
            }
            tally.end();
        }
        Ok(())
    }
}

impl Shape {
    /// Of the response that `input` begins with, once that can be told.
    fn of(input: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = find(input, b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&input[..end]).to_ascii_lowercase();
        let head = end + 4;
        let length = text.lines().find_map(|line| {
            line.strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        });
        let chunked = text.contains("\r\ntransfer-encoding: chunked");
        let body = match (length, chunked) {
            (Some(length), _) => Some(length),
            (None, true) => find(&input[head..], b"\r\n0\r\n\r\n").map(|at| at + 7),
            (None, false) => return Err(io::Error::other(format!("no length: {text}"))),
        };
        Ok(body.map(|body| Self {
            head,
            whole: head + body,
            chunked,
        }))
    }

    fn tell(&self, response: &[u8], tally: &Tally) {
        let mut body = &response[self.head..];
        if !self.chunked {
            return tally.answer(body);
        }
        while let Some(end) = find(body, b"\r\n") {
            let size = std::str::from_utf8(&body[..end]).unwrap_or_default();
            let size = usize::from_str_radix(size, 16).unwrap_or(0);
            let chunk = body.get(end + 2..end + 2 + size).unwrap_or_default();
            tally.answer(chunk);
            body = body.get(end + size + 4..).unwrap_or_default();
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
