//! The table that people read.

use crate::figures::Figures;
use crate::{CONTESTANTS, Contestant};

/// What is to be reached, in processor time per request: of ours against another's in a discipline, at most so much.
const GOALS: [(&str, &str, f64); 3] = [
    ("connect-json-http1", "hyper", 1.25),
    ("connect-proto-http1", "hyper", 1.15),
    ("grpc-h2c", "tonic", 0.8),
];

pub(crate) fn print(figures: &mut Figures, rounds: usize) {
    println!(
        "\n{:<24}{:<12}{:>24}{:>9}{:>12}{:>14}{:>10}",
        "discipline",
        "server",
        "CPU us (min - max)",
        "user us",
        "per second",
        "instructions",
        "idle MB"
    );
    for contestant in &CONTESTANTS {
        row(figures, contestant);
    }
    println!(
        "\nMedians of {rounds} rounds; per request, and per message where the discipline is a stream. Idle: resident\n\
         memory for 1,000 connections. Busy machines spoil requests per second first, processor time less, instructions\n\
         not at all. Differences under 5 % mean nothing.\n"
    );
    for (discipline, other, _) in relations() {
        for what in ["cpu", "instructions"] {
            let name = |server| format!("rpc/{discipline}/{server}/{what}");
            // gRPC has no canned answer of its own: hyper's is the same message without envelope and trailers.
            let below = match (discipline, other) {
                ("grpc-h2c", "hyper") => format!("rpc/connect-proto-h2c/hyper/{what}"),
                _ => name(other),
            };
            let relation = format!("rpc/{discipline}/ours-to-{other}/{what}");
            figures.relate(relation, &name("ours"), &below);
        }
    }
    for (discipline, other, goal) in relations() {
        let name = |what| format!("rpc/{discipline}/ours-to-{other}/{what}");
        let Some(cpu) = figures.get(&name("cpu")) else {
            continue;
        };
        let range = format!("{:.2} ({:.2} - {:.2})", cpu.median, cpu.min, cpu.max);
        let goal = goal.map_or_else(String::new, |goal| {
            let word = if cpu.median <= goal {
                "reached"
            } else {
                "missed"
            };
            format!("at most {goal}: {word}")
        });
        println!("{discipline:<24}ours / {other:<12}{range:>22}   {goal}");
    }
    println!();
}

/// In which disciplines ours is related to whom.
fn relations() -> impl Iterator<Item = (&'static str, &'static str, Option<f64>)> {
    let mut all = Vec::new();
    for contestant in CONTESTANTS.iter().filter(|one| one.name != "ours") {
        all.push((contestant.call.name(), contestant.name));
    }
    all.push(("grpc-h2c", "hyper"));
    all.into_iter().map(|(discipline, other)| {
        let goal = GOALS
            .iter()
            .find(|goal| (goal.0, goal.1) == (discipline, other));
        (discipline, other, goal.map(|goal| goal.2))
    })
}

fn row(figures: &Figures, contestant: &Contestant) {
    let get = |what| figures.get(&contestant.figure(what));
    let number = |what, digits| {
        get(what).map_or_else(|| "-".to_owned(), |one| format!("{:.digits$}", one.median))
    };
    let cpu = get("cpu").map_or_else(
        || "-".to_owned(),
        |one| format!("{:.2} ({:.2} - {:.2})", one.median, one.min, one.max),
    );
    println!(
        "{:<24}{:<12}{:>24}{:>9}{:>12}{:>14}{:>10}",
        contestant.call.name(),
        contestant.name,
        cpu,
        number("cpu-user", 2),
        number("rate", 0),
        number("instructions", 0),
        number("memory", 1),
    );
}
