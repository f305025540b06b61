//! A connection of either version of HTTP.

use std::io;

use crate::call::{Call, Http};
use crate::tally::Tally;
use crate::{http1, http2};

pub(crate) enum Connection {
    One(http1::Connection),
    Two(http2::Connection),
}

impl Connection {
    /// Connects; over HTTP/2 up to `concurrency` calls run at a time.
    pub(crate) async fn open(port: u16, call: Call, concurrency: usize) -> io::Result<Self> {
        Ok(match call.http {
            Http::One => Self::One(http1::Connection::open(port, call).await?),
            Http::Two => Self::Two(http2::Connection::open(port, call, concurrency).await?),
        })
    }

    /// Calls until `tally` has had enough.
    pub(crate) async fn run(&mut self, tally: &Tally) -> io::Result<()> {
        match self {
            Self::One(connection) => connection.run(tally).await,
            Self::Two(connection) => connection.run(tally).await,
        }
    }
}
