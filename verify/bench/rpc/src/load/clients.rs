//! What a call costs its client: `rpc-client` beside a server that costs as little as there is, each on a processor of its
//! own.

use std::process::Command;
use std::time::Duration;

use crate::figures::Figures;
use crate::{BoxError, Plan};

/// The disciplines: what calls, and what answers.
const DISCIPLINES: [(&str, &str, &[&str]); 6] = [
    (
        "connect-json-http1",
        "hyper-json",
        &["hyper", "ours", "connectrpc"],
    ),
    (
        "connect-proto-http1",
        "hyper-proto",
        &["hyper", "ours", "connectrpc"],
    ),
    (
        "connect-json-h2c",
        "hyper-json",
        &["hyper", "ours", "connectrpc"],
    ),
    (
        "connect-proto-h2c",
        "hyper-proto",
        &["hyper", "ours", "connectrpc"],
    ),
    ("grpc-h2c", "ours", &["tonic", "ours", "connectrpc"]),
    // Each message of a stream is a call here.
    (
        "server-stream-grpc-h2c",
        "ours",
        &["tonic", "ours", "connectrpc"],
    ),
];

/// What is to be reached, in processor time per call: of ours against another's in a discipline, at most so much.
const GOALS: [(&str, &str, f64); 6] = [
    ("connect-json-http1", "connectrpc", 0.9),
    ("connect-proto-http1", "connectrpc", 0.9),
    ("connect-json-h2c", "connectrpc", 0.9),
    ("connect-proto-h2c", "connectrpc", 0.9),
    ("grpc-h2c", "connectrpc", 0.8),
    ("grpc-h2c", "tonic", 0.8),
];

fn figure(discipline: &str, client: &str, what: &str) -> String {
    format!("rpc/client-{discipline}/{client}/{what}")
}

/// One round of every client in every discipline.
pub(crate) fn measure(plan: &Plan, figures: &mut Figures) -> Result<(), BoxError> {
    for (discipline, server, clients) in DISCIPLINES {
        if !discipline.contains(&plan.discipline) {
            continue;
        }
        for client in clients {
            let server = plan.programs.start(server)?;
            let output = Command::new(&plan.client)
                .args([client, discipline, &server.port.to_string()])
                .args([plan.warm_up, plan.window].map(milliseconds))
                .output()?;
            server.stop()?;
            let name = figure(discipline, client, "cpu");
            let report = String::from_utf8_lossy(&output.stdout);
            let numbers: Vec<f64> = report
                .split_whitespace()
                .map_while(|number| number.parse().ok())
                .collect();
            let &[calls, nanoseconds, user] = numbers.as_slice() else {
                let error = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{name}: {report:?}, {error}").into());
            };
            if calls < 1.0 {
                return Err(format!("{name}: nothing was answered").into());
            }
            let each = nanoseconds / 1000.0 / calls;
            figures.add(name, "us/call", each);
            figures.add(
                figure(discipline, client, "cpu-user"),
                "us/call",
                each * user,
            );
            figures.add(
                figure(discipline, client, "rate"),
                "calls/s",
                calls / plan.window.as_secs_f64(),
            );
        }
    }
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}

pub(crate) fn print(figures: &mut Figures) {
    println!(
        "\n{:<24}{:<12}{:>24}{:>9}{:>12}",
        "discipline", "client", "CPU us (min - max)", "user us", "per second"
    );
    for (discipline, _, clients) in DISCIPLINES {
        for client in clients {
            let get = |what| figures.get(&figure(discipline, client, what));
            let (Some(cpu), Some(user), Some(rate)) = (get("cpu"), get("cpu-user"), get("rate"))
            else {
                continue;
            };
            let range = format!("{:.2} ({:.2} - {:.2})", cpu.median, cpu.min, cpu.max);
            println!(
                "{discipline:<24}{client:<12}{range:>24}{:>9.2}{:>12.0}",
                user.median, rate.median
            );
        }
    }
    println!();
    for (discipline, _, clients) in DISCIPLINES {
        for other in clients.iter().filter(|client| **client != "ours") {
            let name = format!("rpc/client-{discipline}/ours-to-{other}/cpu");
            let [ours, theirs] = ["ours", other].map(|client| figure(discipline, client, "cpu"));
            figures.relate(name.clone(), &ours, &theirs);
            let Some(ratio) = figures.get(&name) else {
                continue;
            };
            let range = format!("{:.2} ({:.2} - {:.2})", ratio.median, ratio.min, ratio.max);
            let goal = GOALS
                .iter()
                .find(|goal| (goal.0, goal.1) == (discipline, *other))
                .map_or_else(String::new, |(.., goal)| {
                    let word = match ratio.median <= *goal {
                        true => "reached",
                        false => "missed",
                    };
                    format!("at most {goal}: {word}")
                });
            println!("{discipline:<24}ours / {other:<12}{range:>22}   {goal}");
        }
    }
    println!();
}
