//! Several commands on one data folder, one of which lends its server to the others, and ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use fixture::{Fixture, Running, processes};

/// What a command says when the server that it used has gone.
const TAKEN_OVER: &str = "going on with a server of its own";
const HANDED_ON: &str = "going on with the server of another";

/// Repositories with these names, each with a command that works until it is [released](release).
fn steered(names: &[&str]) -> Fixture {
    let fixture = Fixture::new();
    for name in names {
        let command = format!(
            "touch {name} && mkfifo go && echo {name} works && cat go && rm go && echo {name} is done"
        );
        fixture.repository(name, &command);
    }
    fixture
}

/// The environment of the prebuild of a repository that says it works.
fn environment(fixture: &Fixture, name: &str) -> PathBuf {
    let mut all = fs::read_dir(fixture.data_dir().join("environments"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    all.find(|path| path.join("workspace").join(name).exists())
        .unwrap_or_else(|| panic!("no environment of {name}"))
}

/// Lets the command of a repository that says it works come to its end.
fn release(fixture: &Fixture, name: &str) {
    // Opening waits for the reader.
    fs::write(environment(fixture, name).join("workspace/go"), "").unwrap();
}

fn run(fixture: &Fixture, name: &str) -> Running {
    Running::start(&mut fixture.on_folder(&["run", name, "--format", "json"]))
}

/// Waits for the start, and returns the id of the prebuild.
fn started(run: &mut Running) -> String {
    let line = run.wait_for_stderr("Prebuild ");
    line.split(' ').nth(1).unwrap().to_owned()
}

/// Runs a steered repository until its command works, and returns the id of the prebuild as well.
fn working(fixture: &Fixture, name: &str) -> (Running, String) {
    let mut run = run(fixture, name);
    let id = started(&mut run);
    run.wait_for_stderr(&format!("{name} works\n"));
    (run, id)
}

/// Interrupts a command that lends its server, until it waits for a prebuild of another command.
fn interrupt(lender: &mut Running) {
    lender.signal("INT");
    lender.wait_for_stderr("waiting for prebuild ");
}

fn assert_completed(run: Running) -> String {
    let said = run.end().exits(0);
    assert_eq!(said.json()["status"]["phase"], "PREBUILD_PHASE_COMPLETED");
    said.stderr
}

fn assert_nothing_is_left(fixture: &Fixture, environments: &[PathBuf]) {
    let folder = fixture.data_dir().join("environments");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    for environment in environments {
        let id = environment.file_name().unwrap().to_str().unwrap();
        assert_eq!(processes(id), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_command_stays_until_prebuilds_that_others_gave_it_have_ended() {
    let fixture = steered(&["first", "second", "third"]);
    let (mut first, _) = working(&fixture, "first");
    let (second, _) = working(&fixture, "second");
    interrupt(&mut first);
    // Given to it while it waits for the second one.
    let (third, _) = working(&fixture, "third");
    release(&fixture, "second");
    assert_completed(second);
    first.wait_for_stderr("waiting for prebuild ");
    release(&fixture, "third");
    assert_completed(third);
    first.end().exits(130);
    assert_nothing_is_left(&fixture, &[]);
}

#[test]
fn a_prebuild_that_ended_before_its_server_did_is_read_from_the_next_server() {
    let fixture = steered(&["first", "second"]);
    let (mut first, _) = working(&fixture, "first");
    let (second, _) = working(&fixture, "second");
    interrupt(&mut first);
    // It sees neither the end of its prebuild nor that of the server.
    second.signal("STOP");
    release(&fixture, "second");
    first.end().exits(130);
    second.signal("CONT");
    let stderr = assert_completed(second);
    assert!(stderr.contains(TAKEN_OVER), "{stderr}");
    for once in ["\nsecond works\n", "\nsecond is done\n", "==> Completed\n"] {
        assert_eq!(stderr.matches(once).count(), 1, "{once:?}: {stderr}");
    }
}

#[test]
fn commands_go_on_when_the_one_whose_server_they_use_is_killed() {
    let fixture = steered(&["first", "second", "third"]);
    let (first, orphan) = working(&fixture, "first");
    let (mut second, _) = working(&fixture, "second");
    // Two are built at a time: this one waits for its turn.
    let mut third = run(&fixture, "third");
    started(&mut third);
    let environments = ["first", "second"].map(|name| environment(&fixture, name));
    first.kill();

    let news = "The command whose server this one used has ended: ";
    let news = [second.wait_for_stderr(news), third.wait_for_stderr(news)];
    for which in [TAKEN_OVER, HANDED_ON] {
        let said = news.iter().filter(|line| line.contains(which));
        assert_eq!(said.count(), 1, "{news:?}");
    }
    second.wait_for_stderr("it begins anew");
    second.wait_for_stderr("second works\n");
    // Whoever asked for it has gone, but it goes on unless somebody cancels it.
    fixture.say(&["cancel", &orphan]).exits(0);
    third.wait_for_stderr("third works\n");
    release(&fixture, "second");
    release(&fixture, "third");
    let second = assert_completed(second);
    // Once from each attempt: what had been shown is not shown again.
    assert_eq!(second.matches("second works\n").count(), 2, "{second}");
    assert_completed(third);
    assert_nothing_is_left(&fixture, &environments);
}

#[test]
fn a_command_goes_on_when_the_one_whose_server_it_uses_no_longer_waits_for_it() {
    let fixture = steered(&["first", "second"]);
    let (mut first, _) = working(&fixture, "first");
    let mut second = Running::start(&mut fixture.on_folder(&["run", "second"]));
    second.wait_for_stderr("second works\n");
    interrupt(&mut first);
    first.signal("INT");
    first.end().exits(130);
    second.wait_for_stderr(TAKEN_OVER);
    second.wait_for_stderr("second works\n");
    release(&fixture, "second");
    let said = second.end().exits(0);
    assert!(said.stdout.contains("completed"), "{said:?}");
    assert_nothing_is_left(&fixture, &[]);
}

#[test]
fn an_interrupt_cancels_a_prebuild_whose_server_was_killed() {
    let fixture = steered(&["first", "second"]);
    let (first, orphan) = working(&fixture, "first");
    let (mut second, _) = working(&fixture, "second");
    // It learns of both at once.
    second.signal("STOP");
    first.kill();
    second.signal("INT");
    second.signal("CONT");
    second.wait_for_stderr(&format!("waiting for prebuild {orphan} "));
    fixture.say(&["cancel", &orphan]).exits(0);
    let said = second.end().exits(130);
    assert_eq!(said.json()["status"]["phase"], "PREBUILD_PHASE_CANCELLED");
    assert_nothing_is_left(&fixture, &[]);
}

#[test]
fn a_command_whose_server_goes_before_its_prebuild_is_created_creates_it_on_the_next() {
    for call in [
        "ProjectService/ListProjects",
        "ProjectService/CreateProject",
        "PrebuildService/CreatePrebuild",
    ] {
        let fixture = steered(&["first"]);
        fixture.repository("second", "true");
        let (first, orphan) = working(&fixture, "first");
        kill_amid(&fixture, first, call);
        let mut second = run(&fixture, "second");
        second.wait_for_stderr(TAKEN_OVER);
        second.wait_for_stderr(&format!("waiting for prebuild {orphan} "));
        fixture.say(&["cancel", &orphan]).exits(0);
        assert_completed(second);
        let list = fixture.say(&["list", "--format", "json"]).exits(0).json();
        assert_eq!(list.as_array().unwrap().len(), 2, "{call}: {list}");
    }
}

/// Kills the command whose server the others use as soon as one of them makes this call, before
/// the server hears of it.
fn kill_amid(fixture: &Fixture, lender: Running, call: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = fixture.data_dir().join("server.addr");
    let text = fs::read_to_string(&file).unwrap();
    let url = text.lines().next().unwrap();
    let server = url.strip_prefix("http://").unwrap().to_owned();
    let here = listener.local_addr().unwrap().to_string();
    fs::write(&file, text.replace(&server, &here)).unwrap();

    let head = format!("/gitpod.v1.{call} HTTP/1.1\r\n").into_bytes();
    let lender = Mutex::new(Some(lender));
    thread::spawn(move || {
        thread::scope(|scope| {
            while lender.lock().unwrap().is_some() {
                let (client, _) = listener.accept().unwrap();
                scope.spawn(|| pass_on(client, &server, &head, &lender));
            }
        });
    });
}

/// Passes a connection on to the server, until it ends or a request begins with `head`.
fn pass_on(mut client: TcpStream, server: &str, head: &[u8], lender: &Mutex<Option<Running>>) {
    let Ok(mut server) = TcpStream::connect(server) else {
        return;
    };
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        if buffer[..read].windows(head.len()).any(|part| part == head) {
            lender.lock().unwrap().take().unwrap().kill();
            return;
        }
        if server.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}
