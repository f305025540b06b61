//! The client under test: reads ClientCompatRequests from standard input, makes each call with our
//! generated client over our channel, and writes what came of it to standard output.

mod call;
mod channels;
mod result;

use std::sync::Arc;

use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use verify_conformance::v1;

use channels::Channels;

/// How many calls are made at a time.
const PARALLEL: usize = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    v1::register_json_types();
    let (answers, mut results) = mpsc::channel::<v1::ClientCompatResponse>(PARALLEL);
    let writer = tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(result) = results.recv().await {
            let bytes = result.encode_to_vec();
            stdout.write_u32(bytes.len() as u32).await?;
            stdout.write_all(&bytes).await?;
            stdout.flush().await?;
        }
        Ok::<_, std::io::Error>(())
    });

    let channels = Arc::new(Channels::default());
    let room = Arc::new(Semaphore::new(PARALLEL));
    let mut stdin = tokio::io::stdin();
    while let Ok(length) = stdin.read_u32().await {
        let mut bytes = vec![0; length as usize];
        stdin.read_exact(&mut bytes).await?;
        let request = v1::ClientCompatRequest::decode(bytes.as_slice())?;
        let permit = Arc::clone(&room).acquire_owned().await?;
        let (answers, channels) = (answers.clone(), Arc::clone(&channels));
        tokio::spawn(async move {
            let test_name = request.test_name.clone();
            let result = match call::make(&channels, request).await {
                Ok(result) => v1::client_compat_response::Result::Response(result),
                Err(error) => v1::client_compat_response::Result::Error(v1::ClientErrorResult {
                    message: error.to_string(),
                }),
            };
            let result = Some(result);
            let _ = answers
                .send(v1::ClientCompatResponse { test_name, result })
                .await;
            drop(permit);
        });
    }
    drop(answers);
    writer.await??;
    Ok(())
}
