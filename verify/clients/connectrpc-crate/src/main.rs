//! `connectrpc-crate serve` serves the echo service by the crate connectrpc; `call URL` calls it.

mod client;
mod server;

use std::process::ExitCode;

#[allow(clippy::all, dead_code)]
mod generated {
    connectrpc::include_generated!();
}

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => server::serve().await?,
        ["call", url] if !client::call(url).await? => return Ok(ExitCode::FAILURE),
        ["call", _] => {}
        _ => return Err("usage: connectrpc-crate serve | call URL".into()),
    }
    Ok(ExitCode::SUCCESS)
}
