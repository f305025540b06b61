//! What this implementation makes of JSON at the edges: lines of `TYPE<tab>JSON` come in, and lines
//! with the printed message, or with `refused`, go out.

use std::io::{BufRead as _, Write as _};

use pbjson_wkt::{Duration, Timestamp, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Both readers, ours and serde_json's, must agree.
fn outcome<M: Serialize + DeserializeOwned>(text: &str) -> Result<String, String> {
    let ours = json::from_str::<M>(text)
        .ok()
        .and_then(|message| json::to_vec(&message).ok());
    let ours = ours.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let serde = serde_json::from_str::<M>(text).ok();
    let serde = serde.and_then(|message| serde_json::to_string(&message).ok());
    if ours == serde {
        return Ok(ours.unwrap_or_else(|| "refused".to_owned()));
    }
    Err(format!(
        "{text}: {ours:?} by our format, {serde:?} by serde_json"
    ))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (kind, text) = line.split_once('\t').ok_or("a line is TYPE<tab>JSON")?;
        let outcome = match kind {
            "Duration" => outcome::<Duration>(text)?,
            "Timestamp" => outcome::<Timestamp>(text)?,
            _ => return Err(format!("{kind} is neither Duration nor Timestamp").into()),
        };
        writeln!(output, "{outcome}")?;
    }
    Ok(())
}
