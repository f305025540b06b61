//! What our generated clients stand on: one call of each kind, with a choice of codec.

use std::future::ready;
use std::marker::PhantomData;

use futures_util::Stream;
use futures_util::stream;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::answer::joined;
use super::call::CallOptions;
use super::codec::{self, MessageCodec};
use super::{Channel, body};
use crate::codec::Codec;
use crate::codecs::{Codecs, ProtoAndJson, ProtoOnly, Reads, Writes};
use crate::envelope::{self, PREFIX_LEN};
use crate::schema::Method;
use crate::trailers::Trailers;

/// Calls methods over a [`Channel`], with messages as protobuf or, where they have it, as JSON.
///
/// Generated clients (`greet_service_connect::GreetServiceClient`) are a thin layer over it, with a method for each of
/// the service's.
#[derive(Clone, Debug)]
pub struct Client<C = ProtoAndJson> {
    channel: Channel,
    codecs: PhantomData<C>,
    codec: Codec,
    get: bool,
}

impl Client {
    /// A client that sends protobuf, and no GETs.
    pub fn new(channel: Channel) -> Self {
        Self::of(channel)
    }

    /// Writes and reads messages with `codec`.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }
}

impl Client<ProtoOnly> {
    /// A client of messages that have no JSON. It sends no GETs.
    pub fn proto_only(channel: Channel) -> Self {
        Self::of(channel)
    }
}

impl<C: Codecs> Client<C> {
    fn of(channel: Channel) -> Self {
        Self {
            channel,
            codecs: PhantomData,
            codec: Codec::Proto,
            get: false,
        }
    }

    /// Sends unary calls of methods without side effects (`idempotency_level = NO_SIDE_EFFECTS`) as HTTP GET, which
    /// caches understand, as long as the URL does not get too long. Only Connect has GETs: the other protocols post.
    #[must_use]
    pub fn use_get(mut self, get: bool) -> Self {
        self.get = get;
        self
    }

    /// One message each way. The response's metadata are its headers; its trailers, if there are any, are
    /// [`Trailers`] in its extensions.
    ///
    /// # Errors
    /// What the server answered, or what kept it from answering.
    pub async fn unary<Req, Res>(
        &self,
        method: &'static Method,
        request: Request<Req>,
    ) -> Result<Response<Res>, Status>
    where
        Req: Message + 'static,
        Res: Send + Sync + 'static,
        C: Writes<Req> + Reads<Res>,
    {
        let (metadata, _, message) = request.into_parts();
        // One message each way needs none of what tonic's client has for streams.
        let mut frame = Vec::new();
        C::write(self.codec, &message, PREFIX_LEN, &mut frame)?;
        envelope::close(&mut frame, 0, 0)?;
        let answer = self
            .channel
            .answer(self.options(method), metadata.into_headers(), frame.into())
            .await?;
        let message = match codec::read::<C, Res>(self.codec, answer.message) {
            Ok(message) => message,
            Err(status) => return Err(joined(answer.leading, status)),
        };
        let mut response = Response::new(message);
        *response.metadata_mut() = MetadataMap::from_headers(answer.leading);
        if !answer.trailing.is_empty() {
            let trailers = Trailers(MetadataMap::from_headers(answer.trailing));
            response.extensions_mut().insert(trailers);
        }
        Ok(response)
    }

    /// One message there, any number back.
    ///
    /// # Errors
    /// What the server answered, or what kept it from answering; the stream may end with such an error as well.
    pub async fn server_streaming<Req, Res>(
        &self,
        method: &'static Method,
        request: Request<Req>,
    ) -> Result<Response<Streaming<Res>>, Status>
    where
        Req: Message + 'static,
        Res: Send + Sync + 'static,
        C: Writes<Req> + Reads<Res>,
    {
        self.call(method, request.map(once)).await
    }

    /// Any number of messages there, one back; see [`unary`](Self::unary).
    ///
    /// # Errors
    /// What the server answered, or what kept it from answering.
    pub async fn client_streaming<Req, Res>(
        &self,
        method: &'static Method,
        request: Request<impl Stream<Item = Req> + Send + 'static>,
    ) -> Result<Response<Res>, Status>
    where
        Req: Message + 'static,
        Res: Send + Sync + 'static,
        C: Writes<Req> + Reads<Res>,
    {
        one(self.call(method, request).await?).await
    }

    /// Any number of messages each way. Ready when the server sends the head of its response, which may be as late as
    /// its first message: so have something in the stream of requests.
    ///
    /// # Errors
    /// What the server answered, or what kept it from answering; the stream may end with such an error as well.
    pub async fn bidi_streaming<Req, Res>(
        &self,
        method: &'static Method,
        request: Request<impl Stream<Item = Req> + Send + 'static>,
    ) -> Result<Response<Streaming<Res>>, Status>
    where
        Req: Message + 'static,
        Res: Send + Sync + 'static,
        C: Writes<Req> + Reads<Res>,
    {
        self.call(method, request).await
    }

    fn options(&self, method: &'static Method) -> CallOptions {
        CallOptions {
            method,
            codec: self.codec,
            get: self.get,
        }
    }

    async fn call<Req, Res>(
        &self,
        method: &'static Method,
        mut request: Request<impl Stream<Item = Req> + Send + 'static>,
    ) -> Result<Response<Streaming<Res>>, Status>
    where
        Req: Message + 'static,
        Res: Send + Sync + 'static,
        C: Writes<Req> + Reads<Res>,
    {
        request.extensions_mut().insert(self.options(method));
        // The channel bounds what it takes.
        Grpc::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .streaming(
                request,
                PathAndQuery::from_static(method.path),
                MessageCodec::<C, Req, Res>::new(self.codec),
            )
            .await
    }
}

fn once<T>(message: T) -> impl Stream<Item = T> {
    stream::once(ready(message))
}

/// The only message of a response, with the trailers behind it.
async fn one<T>(response: Response<Streaming<T>>) -> Result<Response<T>, Status> {
    let (metadata, mut messages, mut extensions) = response.into_parts();
    let read = async {
        let message = messages.message().await?.ok_or_else(body::no_message)?;
        Ok::<_, Status>((message, messages.trailers().await?))
    };
    match read.await {
        Ok((message, trailers)) => {
            if let Some(trailers) = trailers.filter(|trailers| !trailers.is_empty()) {
                extensions.insert(Trailers(trailers));
            }
            Ok(Response::from_parts(metadata, message, extensions))
        }
        Err(status) => Err(joined(metadata.into_headers(), status)),
    }
}
