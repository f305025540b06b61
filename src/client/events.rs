//! Waking up when a prebuild changes.
//!
//! An event says only that something changed, and a stream that breaks may have swallowed some: so everything that
//! happens to the stream, its opening and its end included, is a reason to look again, and nothing is read out of an
//! event. Servers without events stay silent here, and who waits must look on its own now and then.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Sleep, sleep};
use tonic::{Code, Request, Response, Status, Streaming};

use super::Client;
use super::call::jittered;
use crate::v1::event_service_client::EventServiceClient;
use crate::v1::watch_events_request::{ResourceTypeFilter, Scope};
use crate::v1::{ResourceType, WatchEventsRequest, WatchEventsResponse};

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const MAX_BACK_OFF: Duration = Duration::from_secs(10);

/// The events of one prebuild.
pub(super) struct Events {
    client: Client,
    id: String,
    state: State,
    /// Before the next attempt to open.
    back_off: Duration,
}

enum State {
    Opening(BoxFuture<'static, Result<Streaming<WatchEventsResponse>, Status>>),
    Open(Box<Streaming<WatchEventsResponse>>),
    /// Broken; opened again after a while.
    Pausing(Pin<Box<Sleep>>),
    /// The server has no events, or none for this caller.
    Unsupported,
}

impl Events {
    pub(super) fn new(client: Client, id: String) -> Self {
        let state = open(&client, &id);
        Self {
            client,
            id,
            state,
            back_off: FIRST_BACK_OFF,
        }
    }

    /// Whether changes from now on will be told.
    pub(super) fn are_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Returns when the prebuild may have changed. May be dropped, and called again, without losing anything.
    pub(super) async fn changed(&mut self) {
        loop {
            match &mut self.state {
                State::Opening(opening) => {
                    match opening.await {
                        Ok(stream) => self.state = State::Open(Box::new(stream)),
                        Err(status) => self.closed(status.code()),
                    }
                    return;
                }
                State::Open(stream) => {
                    let mut message = stream.message().await;
                    // One look answers all events that are here already.
                    while let Ok(Some(_)) = message {
                        self.back_off = FIRST_BACK_OFF;
                        match stream.message().now_or_never() {
                            Some(next) => message = next,
                            None => return,
                        }
                    }
                    let code = message.err().map_or(Code::Ok, |status| status.code());
                    self.closed(code);
                    return;
                }
                State::Pausing(pause) => {
                    pause.await;
                    self.state = open(&self.client, &self.id);
                }
                State::Unsupported => pending().await,
            }
        }
    }

    fn closed(&mut self, code: Code) {
        self.state = match code {
            Code::Unimplemented
            | Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated => State::Unsupported,
            _ => State::Pausing(Box::pin(sleep(jittered(self.back_off)))),
        };
        self.back_off = (self.back_off * 2).min(MAX_BACK_OFF);
    }
}

fn open(client: &Client, id: &str) -> State {
    let channel = client.channel.clone();
    let request = WatchEventsRequest {
        scope: Some(Scope::Organization(true)),
        resource_type_filters: vec![ResourceTypeFilter {
            resource_type: ResourceType::Prebuild.into(),
            resource_ids: vec![id.to_owned()],
            creator_ids: Vec::new(),
        }],
    };
    State::Opening(
        async move {
            // Without a timeout: a stream of events has no end.
            EventServiceClient::new(channel)
                .watch_events(Request::new(request))
                .await
                .map(Response::into_inner)
        }
        .boxed(),
    )
}
