//! Logs: what is written can be read and followed, up to the end and across restarts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::pin::pin;
use std::task::Poll;

use futures_util::{Stream, StreamExt, poll};
use prebuildd::logs::Logs;
use uuid::Uuid;

async fn rest(stream: impl Stream<Item = std::io::Result<bytes::Bytes>>) -> String {
    let bytes: Vec<u8> = stream.map(|item| item.unwrap().to_vec()).concat().await;
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_follower_sees_bytes_as_they_come_and_ends_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path()).unwrap();
    let id = Uuid::now_v7();
    let writer = logs.writer(id).unwrap();
    writer.write_chunk(b"one");
    let mut stream = pin!(logs.follow(id, 0));
    assert_eq!(stream.next().await.unwrap().unwrap(), "one");
    // Nothing to read: the follower waits, and is woken by the next byte.
    let next = stream.next();
    let mut next = pin!(next);
    assert_eq!(poll!(&mut next).map(|_| ()), Poll::Pending);
    writer.write_chunk(b" two");
    assert_eq!(next.await.unwrap().unwrap(), " two");

    writer.heading("three");
    writer.line("four");
    writer.write_chunk(b"five");
    writer.finish().unwrap();
    assert_eq!(rest(stream).await, "\n==> three\nfour\nfive\n");
    assert_eq!(rest(logs.follow(id, 8)).await, "==> three\nfour\nfive\n");
    assert_eq!(rest(logs.follow(id, 1000)).await, "");
    assert_eq!(logs.read(id, 4, 3).await.unwrap(), "two");
    writer.line("dropped");
    assert!(!rest(logs.follow(id, 0)).await.contains("dropped"));
}

#[tokio::test]
async fn a_log_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let id = Uuid::now_v7();
    let first = Logs::open(folder.path()).unwrap();
    first.writer(id).unwrap().write_chunk(b"before");
    drop(first);

    let second = Logs::open(folder.path()).unwrap();
    assert!(second.exists(id));
    // The log has not ended, although nobody writes it yet.
    let mut stream = pin!(second.follow(id, 0));
    assert_eq!(stream.next().await.unwrap().unwrap(), "before");
    let mut next = pin!(stream.next());
    assert_eq!(poll!(&mut next).map(|_| ()), Poll::Pending);
    let writer = second.writer(id).unwrap();
    writer.line("after");
    writer.finish().unwrap();
    assert_eq!(next.await.unwrap().unwrap(), "\nafter\n");
    assert!(stream.next().await.is_none());

    let third = Logs::open(folder.path()).unwrap();
    assert_eq!(rest(third.follow(id, 0)).await, "before\nafter\n");
    // A log that has ended can grow again.
    let writer = third.writer(id).unwrap();
    writer.line("again");
    writer.finish().unwrap();
    assert_eq!(rest(third.follow(id, 0)).await, "before\nafter\nagain\n");
}

#[tokio::test]
async fn a_log_is_bounded_and_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::with_limit(folder.path(), 100).unwrap();
    let id = Uuid::now_v7();
    let writer = logs.writer(id).unwrap();
    for _ in 0..1000 {
        writer.write_chunk(b"0123456789abcde");
    }
    drop(writer);
    let writer = Logs::with_limit(folder.path(), 100)
        .unwrap()
        .writer(id)
        .unwrap();
    writer.write_chunk(b"more");
    writer.line("onCreateCommand ended with exit code 1");
    for _ in 0..10_000 {
        writer.line("the reserve is bounded too");
    }
    writer.finish().unwrap();
    let text = rest(logs.follow(id, 0)).await;
    assert!(text.len() < 100 + 65 * 1024, "{}", text.len());
    assert_eq!(
        text.matches("reached its limit of 100 bytes").count(),
        1,
        "{text}"
    );
    assert!(
        text.contains("\nonCreateCommand ended with exit code 1\n"),
        "{text}"
    );
    assert!(!text.contains("more"), "{text}");
}

#[tokio::test]
async fn a_removed_log_is_gone_and_its_followers_end() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path()).unwrap();
    let id = Uuid::now_v7();
    let missing = logs.follow(id, 0).next().await.unwrap();
    assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    let writer = logs.writer(id).unwrap();
    writer.line("one");
    let mut stream = pin!(logs.follow(id, 0));
    assert_eq!(stream.next().await.unwrap().unwrap(), "one\n");
    logs.remove(id).unwrap();
    logs.remove(id).unwrap();
    assert!(stream.next().await.is_none());
    assert!(!logs.exists(id));
    writer.line("dropped");
    assert!(!logs.exists(id));
}
