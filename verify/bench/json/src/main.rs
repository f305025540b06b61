//! Encodes and decodes a prebuild, and a list of 100, as JSON with ours and with what others use.

mod allocations;
mod handwritten;
mod measure;
mod plain;

use std::error::Error;
use std::io::Write as _;

use pbjson_wkt::json;
use prebuilds::v1 as ours;
use prost::Message as _;
use serde::de::DeserializeOwned;

use measure::{Operation, run, spread};

#[allow(dead_code, unused_qualifications, clippy::all)]
mod stock {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/stock/gitpod.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/stock/gitpod.v1.serde.rs"));
    }
}

#[allow(dead_code, unused, clippy::all)]
mod buffa {
    include!(concat!(env!("OUT_DIR"), "/buffa/mod.rs"));
}

use self::buffa::gitpod::v1 as theirs;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const OURS: &str = "ours";
const HAND: &str = "hand-written writer";
const STOCK: &str = "pbjson + serde_json";
const PLAIN: &str = "plain structs + serde_json";

/// The example of the API's documentation, with every field set and numbers where numbers belong.
const EXAMPLE: &str = include_str!("example.json");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let report = arguments
        .next()
        .ok_or("usage: bench-json REPORT [ROUNDS]")?;
    let rounds = match arguments.next() {
        Some(rounds) => rounds.parse()?,
        None => 51,
    };

    let one: ours::Prebuild = serde_json::from_str(EXAMPLE)?;
    let list = ours::ListPrebuildsResponse {
        pagination: Some(ours::PaginationResponse {
            next_token: "cHJlYnVpbGRzOjEwMA".to_owned(),
        }),
        prebuilds: vec![one.clone(); 100],
    };
    let one_text = json::to_vec(&one)?;
    let list_text = json::to_vec(&list)?;
    println!(
        "one prebuild: {} bytes of JSON, {} in binary; the list of 100: {} bytes of JSON",
        one_text.len(),
        one.encoded_len(),
        list_text.len(),
    );

    let mut operations = Vec::new();
    one_of(
        &mut operations,
        ["encode one", "decode one"],
        &one,
        &one_text,
        handwritten::to_vec,
    )?;
    peers::<ours::Prebuild, stock::v1::Prebuild, theirs::Prebuild, plain::Prebuild>(
        &mut operations,
        ["encode one", "decode one"],
        &one,
        &one_text,
    )?;
    one_of(
        &mut operations,
        ["encode 100", "decode 100"],
        &list,
        &list_text,
        handwritten::list_to_vec,
    )?;
    peers::<
        ours::ListPrebuildsResponse,
        stock::v1::ListPrebuildsResponse,
        theirs::ListPrebuildsResponse,
        plain::ListPrebuildsResponse,
    >(
        &mut operations,
        ["encode 100", "decode 100"],
        &list,
        &list_text,
    )?;

    run(&mut operations, rounds);
    print(&operations);
    write(&report, &operations)?;
    let missed = targets(&operations);
    println!("json bench: {rounds} rounds, {missed} targets missed, figures in {report}");
    Ok(())
}

/// Adds what is ours, and the hand-written writer.
fn one_of<'a, M>(
    operations: &mut Vec<Operation<'a>>,
    [encode, decode]: [&'static str; 2],
    message: &'a M,
    text: &'a [u8],
    by_hand: fn(&M) -> Vec<u8>,
) -> Result<(), Box<dyn Error>>
where
    M: serde::Serialize + DeserializeOwned + PartialEq + Clone + 'static,
{
    if by_hand(message) != text {
        return Err("the hand-written writer writes something else".into());
    }
    if serde_json::to_vec(message)? != text {
        return Err("ours by serde_json writes something else".into());
    }
    if json::from_slice::<M>(text)? != *message || serde_json::from_slice::<M>(text)? != *message {
        return Err("ours reads something else".into());
    }
    operations.push(Operation::new(encode, OURS, || {
        json::to_vec(message).unwrap()
    }));
    operations.push(Operation::new(encode, HAND, move || by_hand(message)));
    operations.push(Operation::new(encode, "ours by serde_json", || {
        serde_json::to_vec(message).unwrap()
    }));
    operations.push(Operation::new(decode, OURS, || {
        json::from_slice::<M>(text).unwrap()
    }));
    operations.push(Operation::new(decode, "ours by serde_json", || {
        serde_json::from_slice::<M>(text).unwrap()
    }));
    Ok(())
}

/// Adds the peers, each of which has to write what ours reads as the same message.
fn peers<'a, M, Stock, Buffa, Plain>(
    operations: &mut Vec<Operation<'a>>,
    [encode, decode]: [&'static str; 2],
    message: &M,
    text: &'a [u8],
) -> Result<(), Box<dyn Error>>
where
    M: DeserializeOwned + PartialEq,
    Stock: serde::Serialize + DeserializeOwned + 'a,
    Buffa: serde::Serialize + DeserializeOwned + 'a,
    Plain: serde::Serialize + DeserializeOwned + 'a,
{
    fn check<M: DeserializeOwned + PartialEq>(
        message: &M,
        who: &str,
        text: Vec<u8>,
    ) -> Result<(), Box<dyn Error>> {
        match json::from_slice::<M>(&text) {
            Ok(read) if read == *message => Ok(()),
            Ok(_) => Err(format!("{who} writes something else").into()),
            Err(error) => Err(format!("{who} writes what ours refuses: {error}").into()),
        }
    }

    macro_rules! peer {
        ($message:ty, $serde_json:expr, $sonic:expr) => {
            let held: $message = serde_json::from_slice(text)?;
            check(message, $serde_json, serde_json::to_vec(&held)?)?;
            operations.push(Operation::new(encode, $serde_json, move || {
                serde_json::to_vec(&held).unwrap()
            }));
            operations.push(Operation::new(decode, $serde_json, || {
                serde_json::from_slice::<$message>(text).unwrap()
            }));
            if let Some(who) = $sonic {
                let held: $message = sonic_rs::from_slice(text)?;
                check(message, who, sonic_rs::to_vec(&held)?)?;
                operations.push(Operation::new(encode, who, move || {
                    sonic_rs::to_vec(&held).unwrap()
                }));
                operations.push(Operation::new(decode, who, || {
                    sonic_rs::from_slice::<$message>(text).unwrap()
                }));
            }
        };
    }
    peer!(Stock, STOCK, Some("pbjson + sonic-rs"));
    peer!(Buffa, "buffa + serde_json", None::<&str>);
    peer!(Plain, PLAIN, Some("plain structs + sonic-rs"));
    Ok(())
}

fn find<'a, 'b>(operations: &'b [Operation<'a>], what: &str, who: &str) -> &'b Operation<'a> {
    operations
        .iter()
        .find(|each| each.what == what && each.who == who)
        .unwrap()
}

const ALL: [&str; 4] = ["encode one", "decode one", "encode 100", "decode 100"];

fn print(operations: &[Operation<'_>]) {
    for what in ALL {
        let ours = find(operations, what, OURS);
        println!(
            "\n{what:<28} {:>11} {:>11} {:>11} {:>12} {:>10}",
            "median ns", "min", "max", "allocations", "of ours"
        );
        let mut of_kind: Vec<_> = operations.iter().filter(|each| each.what == what).collect();
        of_kind.sort_by(|a, b| a.spread().1.total_cmp(&b.spread().1));
        for each in of_kind {
            let (min, median, max) = each.spread();
            println!(
                "  {:<26} {median:>11.0} {min:>11.0} {max:>11.0} {:>12} {:>9.2}x",
                each.who,
                each.allocations,
                each.ratio(ours),
            );
        }
    }
    let noise = operations.iter().map(|each| {
        let mut rounds = each.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        let quarter = rounds.len() / 4;
        (rounds[rounds.len() - 1 - quarter] - rounds[quarter]) / each.spread().1
    });
    println!(
        "\nprocessor time; noise: half of all rounds lie within {:.1} % of each other (median of the rows)",
        spread(noise.collect()).1 * 100.0
    );
}

/// Prints which targets are met; returns how many are not.
fn targets(operations: &[Operation<'_>]) -> usize {
    let mut missed = 0;
    let mut target = |text: String, met: bool| {
        println!("{} {text}", if met { "met:   " } else { "MISSED:" });
        missed += usize::from(!met);
    };
    println!();
    for what in ["encode one", "encode 100"] {
        let ours = find(operations, what, OURS);
        let of_stock = ours.ratio(find(operations, what, STOCK));
        target(
            format!("{what}: at most 0.50 of stock pbjson's time, is {of_stock:.2}"),
            of_stock <= 0.5,
        );
        let of_hand = ours.ratio(find(operations, what, HAND));
        target(
            format!("{what}: at most 1.15 of the hand-written writer's time, is {of_hand:.2}"),
            of_hand <= 1.15,
        );
        target(
            format!("{what}: one allocation, is {}", ours.allocations),
            ours.allocations == 1,
        );
    }
    for what in ["decode one", "decode 100"] {
        let of_plain = find(operations, what, OURS).ratio(find(operations, what, PLAIN));
        target(
            format!("{what}: less than plain structs with serde_json take, is {of_plain:.2}"),
            of_plain < 1.0,
        );
    }
    missed
}

/// Writes all figures as a list of `{name, unit, median, min, max}`.
fn write(path: &str, operations: &[Operation<'_>]) -> Result<(), Box<dyn Error>> {
    let mut figures = Vec::new();
    for each in operations {
        let name = format!("json {}: {}", each.what, each.who);
        let (min, median, max) = each.spread();
        figures.push(serde_json::json!({
            "name": name, "unit": "ns", "median": median, "min": min, "max": max,
        }));
        let allocations = each.allocations;
        figures.push(serde_json::json!({
            "name": name, "unit": "allocations",
            "median": allocations, "min": allocations, "max": allocations,
        }));
    }
    let mut file = std::fs::File::create(path)?;
    serde_json::to_writer_pretty(&mut file, &figures)?;
    file.write_all(b"\n")?;
    Ok(())
}
