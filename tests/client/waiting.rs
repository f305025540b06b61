//! Waiting for a prebuild: on events, without them, across broken streams and servers that come and go.

use std::time::Duration;

use prebuilds::v1::{Prebuild, PrebuildPhase};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::server::{Events, Running, prebuild, start, uuid};

/// Far beyond what any of this takes, and below the time after which a wait looks again on its own.
const SOON: Duration = Duration::from_secs(20);

struct Waiting {
    seen: mpsc::UnboundedReceiver<PrebuildPhase>,
    result: JoinHandle<Result<Prebuild, prebuilds::client::ClientError>>,
}

fn phase(prebuild: &Prebuild) -> PrebuildPhase {
    prebuild.status.as_ref().unwrap().phase()
}

/// Waits in a task of its own until `until`, or the end.
fn wait(server: &Running, until: PrebuildPhase) -> Waiting {
    let (changes, seen) = mpsc::unbounded_channel();
    let client = server.client();
    let result = tokio::spawn(async move {
        client
            .wait_until(&uuid(1), move |prebuild| {
                changes.send(phase(prebuild)).unwrap();
                phase(prebuild) == until
            })
            .await
    });
    Waiting { seen, result }
}

impl Waiting {
    async fn see(&mut self) -> PrebuildPhase {
        tokio::time::timeout(SOON, self.seen.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn end(self) -> Result<PrebuildPhase, Option<Code>> {
        let result = tokio::time::timeout(SOON, self.result).await.unwrap();
        result
            .unwrap()
            .map(|prebuild| phase(&prebuild))
            .map_err(|error| error.code())
    }
}

#[tokio::test]
async fn changes_are_seen_as_events_tell_of_them() {
    let server = start().await;
    server
        .fake
        .insert(prebuild(&uuid(1), PrebuildPhase::Running));
    let mut waiting = wait(&server, PrebuildPhase::Completed);
    let all = async {
        assert_eq!(waiting.see().await, PrebuildPhase::Running);
        // Polls, two of them a second at most, would not see all of these in time.
        for _ in 0..25 {
            for next in [PrebuildPhase::Stopping, PrebuildPhase::Running] {
                server.fake.set_phase(next);
                server.fake.announce();
                assert_eq!(waiting.see().await, next);
            }
        }
        server.fake.set_phase(PrebuildPhase::Completed);
        server.fake.announce();
        assert_eq!(waiting.end().await, Ok(PrebuildPhase::Completed));
    };
    tokio::time::timeout(SOON, all).await.unwrap();
}

#[tokio::test]
async fn a_wait_ends_where_it_was_asked_to_or_where_the_prebuild_does() {
    for (stands, until, end) in [
        (
            PrebuildPhase::Running,
            PrebuildPhase::Running,
            PrebuildPhase::Running,
        ),
        (
            PrebuildPhase::Failed,
            PrebuildPhase::Running,
            PrebuildPhase::Failed,
        ),
        (
            PrebuildPhase::Cancelled,
            PrebuildPhase::Completed,
            PrebuildPhase::Cancelled,
        ),
        (
            PrebuildPhase::Deleting,
            PrebuildPhase::Completed,
            PrebuildPhase::Deleting,
        ),
    ] {
        let server = start().await;
        server.fake.insert(prebuild(&uuid(1), stands));
        assert_eq!(wait(&server, until).end().await, Ok(end));
        assert_eq!(server.fake.calls("get"), 1);
    }
}

#[tokio::test]
async fn a_server_without_events_is_polled() {
    let server = start().await;
    server.fake.events([Events::Unimplemented]);
    server
        .fake
        .insert(prebuild(&uuid(1), PrebuildPhase::Pending));
    server
        .fake
        .script([PrebuildPhase::Running, PrebuildPhase::Completed]);
    let mut waiting = wait(&server, PrebuildPhase::Completed);
    assert_eq!(waiting.see().await, PrebuildPhase::Pending);
    assert_eq!(waiting.see().await, PrebuildPhase::Running);
    assert_eq!(waiting.see().await, PrebuildPhase::Completed);
    assert_eq!(waiting.end().await, Ok(PrebuildPhase::Completed));
    assert_eq!(server.fake.calls("get"), 3);
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_again() {
    let mut server = start().await;
    server.fake.events([Events::Broken, Events::Served]);
    server
        .fake
        .insert(prebuild(&uuid(1), PrebuildPhase::Running));
    let mut waiting = wait(&server, PrebuildPhase::Completed);
    assert_eq!(waiting.see().await, PrebuildPhase::Running);
    server.watched.recv().await.unwrap();
    tokio::time::timeout(SOON, server.watched.recv())
        .await
        .unwrap()
        .unwrap();
    server.fake.set_phase(PrebuildPhase::Completed);
    // Perhaps the wait has read this already, on opening the stream.
    server.fake.announce();
    assert_eq!(waiting.see().await, PrebuildPhase::Completed);
    assert_eq!(waiting.end().await, Ok(PrebuildPhase::Completed));
}

#[tokio::test]
async fn a_server_that_goes_away_amid_a_wait_is_waited_for() {
    let server = start().await;
    server
        .fake
        .insert(prebuild(&uuid(1), PrebuildPhase::Running));
    let mut waiting = wait(&server, PrebuildPhase::Completed);
    assert_eq!(waiting.see().await, PrebuildPhase::Running);
    // One read with all its retries fails; the next does not.
    server
        .fake
        .fail_next((0..4).map(|_| Status::unavailable("restarting")));
    server.fake.set_phase(PrebuildPhase::Completed);
    server.fake.announce();
    // Wakes the wait after the read that failed.
    while server.fake.calls("get") < 5 {
        tokio::task::yield_now().await;
    }
    server.fake.announce();
    assert_eq!(waiting.end().await, Ok(PrebuildPhase::Completed));
}

#[tokio::test]
async fn a_wait_that_cannot_begin_fails() {
    let server = start().await;
    let waiting = wait(&server, PrebuildPhase::Completed);
    assert_eq!(waiting.end().await, Err(Some(Code::NotFound)));
}
