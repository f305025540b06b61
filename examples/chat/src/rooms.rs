//! The service: rooms in memory. Nothing here knows which protocol a caller speaks.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use pbjson_wkt::Timestamp;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_connect::validate::Validate;

use crate::v1::chat_service_server::ChatService;
use crate::v1::{
    GetRoomRequest, GetRoomResponse, HistoryRequest, ImportResponse, Message, SayRequest,
    SayResponse,
};

/// How many messages a listener may lag behind before it misses some.
const BACKLOG: usize = 64;

/// All rooms. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    rooms: Arc<Mutex<HashMap<String, Room>>>,
}

#[derive(Debug)]
struct Room {
    messages: Vec<Message>,
    listeners: broadcast::Sender<Message>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            listeners: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, request: SayRequest) -> Result<Message, Status> {
        // `invalid_argument`, with every field that is wrong in the details.
        request.validate()?;
        let mut message = request.message.unwrap_or_default();
        message.time = Timestamp::try_from(SystemTime::now()).ok();
        let mut rooms = self.lock();
        let room = rooms.entry(request.room).or_default();
        room.messages.push(message.clone());
        // Nobody may be listening, which is no failure.
        let _ = room.listeners.send(message.clone());
        Ok(message)
    }

    fn listen(&self, room: &str) -> broadcast::Receiver<Message> {
        let mut rooms = self.lock();
        rooms
            .entry(room.to_owned())
            .or_default()
            .listeners
            .subscribe()
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

#[tonic::async_trait]
impl ChatService for Rooms {
    async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayResponse>, Status> {
        let message = Some(Self::say(self, request.into_inner())?);
        Ok(Response::new(SayResponse { message }))
    }

    async fn get_room(
        &self,
        request: Request<GetRoomRequest>,
    ) -> Result<Response<GetRoomResponse>, Status> {
        let name = request.into_inner().room;
        let rooms = self.lock();
        let room = rooms
            .get(&name)
            .ok_or_else(|| Status::not_found(format!("there is no room {name:?}")))?;
        let mut authors = HashMap::new();
        for message in &room.messages {
            *authors.entry(message.author.clone()).or_default() += 1;
        }
        Ok(Response::new(GetRoomResponse {
            room: name,
            authors,
        }))
    }

    type HistoryStream = Messages;

    async fn history(
        &self,
        request: Request<HistoryRequest>,
    ) -> Result<Response<Messages>, Status> {
        let HistoryRequest { room, limit } = request.into_inner();
        let messages = self
            .lock()
            .get(&room)
            .map(|room| room.messages.clone())
            .unwrap_or_default();
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let messages = tokio_stream::iter(messages.into_iter().take(limit).map(Ok));
        Ok(Response::new(Box::pin(messages)))
    }

    async fn import(
        &self,
        request: Request<Streaming<SayRequest>>,
    ) -> Result<Response<ImportResponse>, Status> {
        let mut requests = request.into_inner();
        let mut messages = 0;
        while let Some(request) = requests.message().await? {
            Self::say(self, request)?;
            messages += 1;
        }
        Ok(Response::new(ImportResponse { messages }))
    }

    type JoinStream = ReceiverStream<Result<Message, Status>>;

    async fn join(
        &self,
        request: Request<Streaming<SayRequest>>,
    ) -> Result<Response<Self::JoinStream>, Status> {
        let mut requests = request.into_inner();
        let Some(first) = requests.message().await? else {
            return Err(Status::invalid_argument(
                "no request: the first one names the room",
            ));
        };
        // Who joins hears himself as well, so he listens before he says anything.
        let mut heard = self.listen(&first.room);
        Self::say(self, first)?;
        let rooms = self.clone();
        let (sender, receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    // In this order: what was said is heard before the end.
                    biased;
                    message = heard.recv() => {
                        message.map_err(|_| Status::data_loss("messages were missed: too slow"))
                    }
                    request = requests.message() => match request {
                        Ok(Some(request)) => match rooms.say(request) {
                            Ok(_) => continue,
                            Err(status) => Err(status),
                        },
                        Ok(None) => break,
                        Err(status) => Err(status),
                    },
                };
                let failed = next.is_err();
                if sender.send(next).await.is_err() || failed {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
