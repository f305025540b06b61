//! The program under test of the protobuf conformance suite: requests come on standard input and
//! answers go to standard output, each behind its length in four bytes, little end first.

use std::io::{self, Read, Write};

use pbjson_wkt::json::{self, Unknown, with_unknown};
use prost::Message;

#[allow(dead_code, missing_docs, clippy::all)]
mod conformance {
    include!(concat!(env!("OUT_DIR"), "/conformance.rs"));
}
#[allow(dead_code, missing_docs, clippy::all)]
mod proto3 {
    include!(concat!(env!("OUT_DIR"), "/protobuf_test_messages.proto3.rs"));
}

use conformance::conformance_request::Payload;
use conformance::conformance_response::Result as Answer;
use conformance::{ConformanceRequest, ConformanceResponse, TestCategory, WireFormat};
use proto3::TestAllTypesProto3;

fn answer(request: ConformanceRequest) -> Answer {
    if request.message_type != "protobuf_test_messages.proto3.TestAllTypesProto3" {
        return Answer::Skipped("only proto3 is generated".to_owned());
    }
    let unknown = if request.test_category() == TestCategory::JsonIgnoreUnknownParsingTest {
        Unknown::Ignore
    } else {
        Unknown::Reject
    };
    let message = match &request.payload {
        Some(Payload::ProtobufPayload(bytes)) => {
            TestAllTypesProto3::decode(bytes.as_slice()).map_err(|error| error.to_string())
        }
        Some(Payload::JsonPayload(text)) => {
            with_unknown(unknown, || json::from_str(text)).map_err(|error| error.to_string())
        }
        _ => return Answer::Skipped("neither binary nor JSON".to_owned()),
    };
    let message = match message {
        Ok(message) => message,
        Err(error) => return Answer::ParseError(error),
    };
    match request.requested_output_format() {
        WireFormat::Protobuf => Answer::ProtobufPayload(message.encode_to_vec()),
        WireFormat::Json => match json::to_string(&message) {
            // Other serializers get the same from the same messages.
            Ok(text) if serde_json::to_string(&message).is_ok_and(|other| other == text) => {
                Answer::JsonPayload(text)
            }
            Ok(text) => Answer::RuntimeError(format!("serde_json writes something else than {text}")),
            Err(error) => Answer::SerializeError(error.to_string()),
        },
        _ => Answer::Skipped("neither binary nor JSON".to_owned()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    proto3::register_json_types();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(length))?];
        input.read_exact(&mut bytes)?;
        let response = ConformanceResponse {
            result: Some(answer(ConformanceRequest::decode(bytes.as_slice())?)),
        };
        let bytes = response.encode_to_vec();
        output.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
    }
    Ok(())
}
