//! Prints and parses random messages with this implementation and with others, and compares.
//!
//! `json-cross-check COUNT SEED NAME=COMMAND…` starts each command, whose words are separated by
//! spaces, as a peer of that name.

mod codec;
mod generate;
mod peer;
mod same;

#[allow(dead_code, missing_docs, clippy::all)]
mod proto3 {
    include!(concat!(
        env!("OUT_DIR"),
        "/protobuf_test_messages.proto3.rs"
    ));
}

use std::error::Error;
use std::process::ExitCode;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _};
use prost_types::FileDescriptorSet;

use codec::{CODECS, Codec};
use generate::Generator;
use pbjson_wkt::json;
use peer::{Answer, Peer, Question};
use proto3::TestAllTypesProto3;
use same::Zeros;

const BATCH: usize = 500;
/// How many differences are shown in full.
const SHOWN: usize = 10;

/// A message, and what this implementation makes of it.
struct Case {
    name: &'static str,
    codec: Codec,
    message: DynamicMessage,
    binary: Vec<u8>,
    json: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, seed, commands @ ..] = arguments.as_slice() else {
        return Err("usage: json-cross-check COUNT SEED NAME=COMMAND…".into());
    };
    let (count, seed): (usize, u64) = (count.parse()?, seed.parse()?);
    prebuilds::v1::register_json_types();
    proto3::register_json_types();

    let schema = schema()?;
    let pool = DescriptorPool::decode(schema.as_slice())?;
    let mut peers = Vec::new();
    for command in commands {
        let (name, command) = command.split_once('=').ok_or("a peer is NAME=COMMAND")?;
        let command: Vec<_> = command.split(' ').map(str::to_owned).collect();
        peers.push(Peer::start(name, &command, &schema)?);
    }

    let (ours, suite) = CODECS
        .iter()
        .partition::<Vec<_>, _>(|(name, _)| name.starts_with("gitpod."));
    let suite: Vec<_> = suite
        .into_iter()
        .filter(|(name, _)| name.ends_with(".TestAllTypesProto3"))
        .collect();
    println!(
        "{count} messages, seed {seed}: {} types of gitpod.v1, TestAllTypesProto3",
        ours.len()
    );

    nests_to_the_limit()?;
    let mut generator = Generator::new(seed, &pool);
    let mut differences = Vec::new();
    let mut done = 0;
    while done < count {
        let batch: Vec<Case> = (done..count.min(done + BATCH))
            .filter_map(|index| {
                let types = if index % 2 == 0 { &ours } else { &suite };
                let (name, codec) = *generator.choose(types);
                case(&mut generator, &pool, name, codec)
                    .map_err(|error| differences.push(error))
                    .ok()
            })
            .collect();
        done += BATCH;
        let questions: Vec<_> = batch
            .iter()
            .map(|case| Question {
                name: case.name,
                binary: &case.binary,
                json: &case.json,
            })
            .collect();
        for peer in &mut peers {
            peer.ask(&questions)?;
        }
        for peer in &mut peers {
            let answers = peer.answers(batch.len())?;
            for (case, answer) in batch.iter().zip(answers) {
                differences.extend(compare(case, answer, &peer.name));
            }
        }
    }
    for peer in peers {
        peer.stop()?;
    }
    for difference in differences.iter().take(SHOWN) {
        println!("{difference}\n");
    }
    println!(
        "json cross-check: {count} messages, {} differences",
        differences.len()
    );
    Ok(if differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads and writes the largest message, in itself as often as our reader allows, with the stack
/// that a thread of a server has. A stack that overflows ends the process.
fn nests_to_the_limit() -> Result<(), Box<dyn Error>> {
    let check = || -> Result<(), String> {
        let nested = |levels: usize| {
            let inner = "{\"recursiveMessage\":".repeat(levels - 1);
            format!("{inner}{{}}{}", "}".repeat(levels - 1))
        };
        let read = |levels| json::from_str::<TestAllTypesProto3>(&nested(levels));
        let message = read(100).map_err(|error| error.to_string())?;
        let bytes = message.encode_to_vec();
        let message = TestAllTypesProto3::decode(&*bytes).map_err(|error| error.to_string())?;
        if json::to_string(&message).ok() != Some(nested(100)) {
            return Err("100 messages in each other are not printed as they were read".to_owned());
        }
        match read(100_000) {
            Ok(_) => Err("100,000 messages in each other are read".to_owned()),
            Err(_) => Ok(()),
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(check)?;
    thread
        .join()
        .map_err(|_| "the thread of nested messages panicked")??;
    Ok(())
}

/// Both schemas with all that they import.
fn schema() -> Result<Vec<u8>, prost::DecodeError> {
    // Merging sets appends their files.
    let mut set = FileDescriptorSet::decode(prebuilds::FILE_DESCRIPTOR_SET)?;
    let suite = &include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"))[..];
    for file in FileDescriptorSet::decode(suite)?.file {
        if !set.file.iter().any(|each| each.name() == file.name()) {
            set.file.push(file);
        }
    }
    Ok(set.encode_to_vec())
}

/// Makes a message, which must come through this implementation unharmed.
fn case(
    generator: &mut Generator,
    pool: &DescriptorPool,
    name: &'static str,
    codec: Codec,
) -> Result<Case, String> {
    let descriptor = pool
        .get_message_by_name(name)
        .ok_or(format!("{name} is not in the schema"))?;
    let message = generator.message(&descriptor);
    let binary = message.encode_to_vec();
    let fail =
        |what: &str, detail: String| format!("{name}: {what}: {detail}\n  message: {message}");
    let json = (codec.print)(&binary).map_err(|error| fail("we cannot print it", error))?;
    let back = (codec.parse)(&json).map_err(|error| fail("we cannot read what we print", error))?;
    if let Some(difference) = decoded_difference(&message, &descriptor, &back, Zeros::Signed) {
        return Err(fail(&format!("we read our {json} otherwise"), difference));
    }
    Ok(Case {
        name,
        codec,
        message,
        binary,
        json,
    })
}

fn decoded_difference(
    message: &DynamicMessage,
    descriptor: &MessageDescriptor,
    binary: &[u8],
    zeros: Zeros,
) -> Option<String> {
    match DynamicMessage::decode(descriptor.clone(), binary) {
        Ok(other) => same::message_difference(message, &other, zeros),
        Err(error) => Some(error.to_string()),
    }
}

/// What is different in a peer's answer: in what it reads of ours, in what it prints, and in what
/// we read of that.
fn compare(case: &Case, answer: Answer, peer: &str) -> Vec<String> {
    let descriptor = case.message.descriptor();
    let printed_zeros = if peer == "protobuf-es" {
        Zeros::Alike
    } else {
        Zeros::Signed
    };
    let mut found = Vec::new();
    match answer.parsed {
        Err(error) => found.push(format!("{peer} cannot read our JSON: {error}")),
        Ok(binary) => {
            if let Some(difference) =
                decoded_difference(&case.message, &descriptor, &binary, Zeros::Signed)
            {
                found.push(format!("{peer} reads our JSON otherwise: {difference}"));
            }
        }
    }
    match answer.printed {
        Err(error) => found.push(format!("{peer} cannot print it: {error}")),
        Ok(json) => {
            let trees = (
                serde_json::from_str(&case.json),
                serde_json::from_str(&json),
            );
            match trees {
                (Ok(ours), Ok(theirs)) => {
                    if let Some(difference) = same::json_difference(&ours, &theirs, printed_zeros) {
                        found.push(format!("{peer} prints {json}: {difference}"));
                    }
                }
                _ => found.push(format!("{peer} prints no JSON: {json}")),
            }
            match (case.codec.parse)(&json) {
                Err(error) => found.push(format!("we cannot read {json} of {peer}: {error}")),
                Ok(binary) => {
                    if let Some(difference) =
                        decoded_difference(&case.message, &descriptor, &binary, printed_zeros)
                    {
                        found.push(format!("we read {json} of {peer} otherwise: {difference}"));
                    }
                }
            }
        }
    }
    let Case {
        name,
        message,
        json,
        ..
    } = case;
    found
        .into_iter()
        .map(|what| format!("{name}: {what}\n  message: {message}\n  ours: {json}"))
        .collect()
}
