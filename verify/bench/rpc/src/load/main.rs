//! Measures what a call costs in the servers of `rpc-server` and in the clients of `rpc-client`, and prints tables.
//!
//! Each server runs alone on one processor, this program (or a client that is measured) on another. All are measured in turn, round by round, so that
//! what else the machine does falls on all of them; ratios are taken within a round. Processor time is the server
//! process's own account, so that it tells something even when the machine is busy; throughput does not.

mod call;
mod clients;
mod connection;
mod figures;
mod http1;
mod http2;
mod idle;
mod instructions;
mod server;
mod table;
mod tally;
mod throughput;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use call::{Call, Http, Kind, Wire};
use figures::Figures;
use server::Programs;

type BoxError = Box<dyn Error>;

/// One server in one discipline.
#[derive(Clone, Copy)]
pub(crate) struct Contestant {
    /// What it is called in the figures.
    name: &'static str,
    /// What `rpc-server` calls it.
    serves_as: &'static str,
    call: Call,
}

const fn contestant(name: &'static str, serves_as: &'static str, call: Call) -> Contestant {
    Contestant {
        name,
        serves_as,
        call,
    }
}

const JSON_1: Call = Call::unary(Wire::ConnectJson, Http::One);
const PROTO_1: Call = Call::unary(Wire::ConnectProto, Http::One);
const JSON_2: Call = Call::unary(Wire::ConnectJson, Http::Two);
const PROTO_2: Call = Call::unary(Wire::ConnectProto, Http::Two);
const GRPC: Call = Call::unary(Wire::Grpc, Http::Two);
const DOWN: Call = Call::grpc(Kind::ServerStream);
const UP: Call = Call::grpc(Kind::ClientStream);

const CONTESTANTS: [Contestant; 22] = [
    contestant("hyper", "hyper-json", JSON_1),
    contestant("ours", "ours", JSON_1),
    contestant("connectrpc", "connectrpc", JSON_1),
    contestant("connect-go", "connect-go", JSON_1),
    contestant("hyper", "hyper-proto", PROTO_1),
    contestant("ours", "ours", PROTO_1),
    contestant("connectrpc", "connectrpc", PROTO_1),
    contestant("connect-go", "connect-go", PROTO_1),
    contestant("hyper", "hyper-json", JSON_2),
    contestant("ours", "ours", JSON_2),
    contestant("hyper", "hyper-proto", PROTO_2),
    contestant("ours", "ours", PROTO_2),
    contestant("tonic", "tonic", GRPC),
    contestant("ours", "ours", GRPC),
    contestant("connectrpc", "connectrpc", GRPC),
    contestant("connect-go", "connect-go", GRPC),
    contestant("tonic", "tonic", DOWN),
    contestant("ours", "ours", DOWN),
    contestant("connectrpc", "connectrpc", DOWN),
    contestant("tonic", "tonic", UP),
    contestant("ours", "ours", UP),
    contestant("connectrpc", "connectrpc", UP),
];

/// What to do, from the command line.
struct Plan {
    programs: Programs,
    /// `rpc-client`.
    client: PathBuf,
    json: PathBuf,
    work: PathBuf,
    rounds: usize,
    warm_up: Duration,
    window: Duration,
    parts: Vec<String>,
    discipline: String,
}

impl Plan {
    fn from_arguments() -> Result<Self, BoxError> {
        let mut plan = Self {
            programs: Programs {
                rust: PathBuf::new(),
                go: None,
                processor: "0".to_owned(),
            },
            client: PathBuf::new(),
            json: PathBuf::new(),
            work: PathBuf::new(),
            // Many and short: what else the machine does changes by the second, and shall fall on all of a round.
            rounds: 31,
            warm_up: Duration::from_millis(250),
            window: Duration::from_millis(500),
            parts: ["unary", "streams", "clients", "idle", "instructions"]
                .map(str::to_owned)
                .into(),
            discipline: String::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let missing = format!("{argument} wants a value");
                arguments.next().ok_or(missing)
            };
            match argument.as_str() {
                "--server" => plan.programs.rust = value()?.into(),
                "--client" => plan.client = value()?.into(),
                "--go-server" => plan.programs.go = Some(value()?.into()),
                "--server-processor" => plan.programs.processor = value()?,
                "--json" => plan.json = value()?.into(),
                "--work" => plan.work = value()?.into(),
                "--rounds" => plan.rounds = value()?.parse()?,
                "--only" => plan.parts = value()?.split(',').map(str::to_owned).collect(),
                "--discipline" => plan.discipline = value()?,
                "--quick" => {
                    plan.rounds = 1;
                    plan.warm_up = Duration::from_millis(100);
                    plan.window = Duration::from_millis(300);
                }
                _ => return Err(format!("unknown argument {argument}").into()),
            }
        }
        Ok(plan)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let plan = Plan::from_arguments()?;
    let mut figures = Figures::default();
    tokio::task::LocalSet::new()
        .run_until(measure(&plan, &mut figures))
        .await?;
    figures.write(&plan.json)?;
    println!("rpc: written to {}", plan.json.display());
    Ok(())
}

async fn measure(plan: &Plan, figures: &mut Figures) -> Result<(), BoxError> {
    let there = |contestant: &&Contestant| {
        (contestant.serves_as != "connect-go" || plan.programs.go.is_some())
            && contestant.call.name().contains(&plan.discipline)
    };
    let with_kind = |unary: bool| {
        CONTESTANTS
            .iter()
            .filter(there)
            .filter(move |contestant| (contestant.call.kind == Kind::Unary) == unary)
    };
    for (part, unary) in [("unary", true), ("streams", false)] {
        if plan.wants(part) {
            for round in 1..=plan.rounds {
                eprintln!("{part}: round {round} of {}", plan.rounds);
                for contestant in with_kind(unary) {
                    throughput::measure(plan, contestant, figures).await?;
                }
            }
        }
    }
    if plan.wants("clients") {
        for round in 1..=plan.rounds {
            eprintln!("clients: round {round} of {}", plan.rounds);
            clients::measure(plan, figures)?;
        }
    }
    if plan.wants("idle") {
        for contestant in with_kind(true) {
            eprintln!("idle: {}", contestant.figure("memory"));
            idle::measure(plan, contestant, figures).await?;
        }
    }
    if plan.wants("instructions") {
        for contestant in CONTESTANTS
            .iter()
            .filter(there)
            .filter(|one| one.serves_as != "connect-go")
        {
            eprintln!("instructions: {}", contestant.figure("instructions"));
            instructions::measure(plan, contestant, figures).await?;
        }
    }
    if plan.parts.iter().any(|part| part != "clients") {
        table::print(figures, plan.rounds);
    }
    if plan.wants("clients") {
        clients::print(figures);
    }
    Ok(())
}

impl Call {
    /// What the discipline is called in the figures.
    fn name(self) -> &'static str {
        match (self.kind, self.wire, self.http) {
            (Kind::ServerStream, ..) => "server-stream-grpc-h2c",
            (Kind::ClientStream, ..) => "client-stream-grpc-h2c",
            (_, Wire::ConnectJson, Http::One) => "connect-json-http1",
            (_, Wire::ConnectJson, Http::Two) => "connect-json-h2c",
            (_, Wire::ConnectProto, Http::One) => "connect-proto-http1",
            (_, Wire::ConnectProto, Http::Two) => "connect-proto-h2c",
            (_, Wire::Grpc, Http::One) => "grpc-http1",
            (_, Wire::Grpc, Http::Two) => "grpc-h2c",
        }
    }
}

impl Contestant {
    /// The name of one of its figures.
    fn figure(&self, what: &str) -> String {
        format!("rpc/{}/{}/{what}", self.call.name(), self.name)
    }
}
