//! Logs and snapshots: from where, and with which token.

use futures_util::TryStreamExt;
use prebuilds::client::{Chunks, ClientError};
use prebuilds::v1::PrebuildPhase;
use tonic::Code;

use crate::server::{LOGS_TOKEN, SNAPSHOT, TOKEN, prebuild, start, uuid};

async fn read(chunks: Chunks) -> Vec<u8> {
    let chunks: Vec<_> = chunks.try_collect().await.unwrap();
    chunks.concat()
}

async fn text(chunks: Chunks) -> String {
    String::from_utf8(read(chunks).await).unwrap()
}

#[tokio::test]
async fn a_log_is_read_from_its_own_address_with_a_token_of_its_own() {
    // Where it stands, whether the log is followed, and what is asked for.
    for (phase, follow, query) in [
        (PrebuildPhase::Running, true, ""),
        (PrebuildPhase::Running, false, "follow=false"),
        (PrebuildPhase::Completed, true, ""),
        (PrebuildPhase::Completed, false, ""),
    ] {
        let (server, elsewhere) = (start().await, start().await);
        let origin = elsewhere.url.strip_suffix("/api").unwrap();
        server.fake.insert(prebuild(&uuid(1), phase));
        server
            .fake
            .set_log_url(&format!("{origin}/logs/{}", uuid(1)));
        let log = server.client().logs(&uuid(1), follow).await.unwrap();
        assert_eq!(text(log).await, format!("log of {}\n", uuid(1)));

        assert_eq!(server.fake.downloads(), []);
        let downloads = elsewhere.fake.downloads();
        let (asked, headers) = &downloads[0];
        assert_eq!(*asked, format!("log {} {query}", uuid(1)));
        assert_eq!(headers["authorization"], format!("Bearer {LOGS_TOKEN}"));
        assert!(
            headers["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("prebuilds/"),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn following_waits_for_the_log_to_begin() {
    let mut server = start().await;
    server
        .fake
        .insert(prebuild(&uuid(1), PrebuildPhase::Pending));
    let client = server.client();
    let following =
        tokio::spawn(async move { text(client.logs(&uuid(1), true).await.unwrap()).await });
    server.watched.recv().await.unwrap();
    let origin = server.url.strip_suffix("/api").unwrap();
    server
        .fake
        .set_log_url(&format!("{origin}/logs/{}", uuid(1)));
    server.fake.announce();
    assert_eq!(following.await.unwrap(), format!("log of {}\n", uuid(1)));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_says_why() {
    for (url, part) in [
        ("", "has no log (it is running): follow the log"),
        ("ftp://h/log?secret=1", "has another scheme"),
        ("/logs/1", "has no host"),
        ("http://user:pw@h/log", "carries credentials"),
    ] {
        let server = start().await;
        server
            .fake
            .insert(prebuild(&uuid(1), PrebuildPhase::Running));
        server.fake.set_log_url(url);
        let Err(error) = server.client().logs(&uuid(1), false).await else {
            panic!("{url}")
        };
        assert!(matches!(
            error,
            ClientError::NoLog { .. } | ClientError::LogUrl { .. }
        ));
        let message = error.to_string();
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("secret"), "{message}");
        assert_eq!(server.fake.calls("logs token"), 0);
    }
}

#[tokio::test]
async fn a_snapshot_is_read_below_the_base_url_with_the_callers_token() {
    let server = start().await;
    let client = server.client();
    assert_eq!(client.snapshot_manifest(&uuid(1)).await.unwrap(), "{}");
    let snapshot = client.snapshot(&uuid(1)).await.unwrap();
    assert_eq!(read(snapshot).await, SNAPSHOT);
    for (_, headers) in server.fake.downloads() {
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    }
    assert_eq!(server.fake.downloads().len(), 2);

    for (id, code) in [
        (uuid(2), Code::NotFound),
        ("..".to_owned(), Code::InvalidArgument),
        (String::new(), Code::InvalidArgument),
    ] {
        let error = client.snapshot_manifest(&id).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{id:?}");
    }
    assert_eq!(server.fake.downloads().len(), 3);
}
