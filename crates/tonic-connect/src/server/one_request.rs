//! The call of a method that takes one message.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tonic::Status;

use super::BoxError;
use super::body::Body;
use super::call::Call;
use super::collect::Collect;
use crate::codecs::{Codecs, Reads};

/// Makes the response of what the handler answered.
type Finish<C, Res> =
    fn(&mut Call<C>, tonic::Response<Res>) -> Result<http::Response<Body>, Status>;

pin_project! {
    /// Reads the message, hands it to the handler, and writes what that answers.
    ///
    /// A future of its own, since an `async` block keeps what it captures beside what it has made of it: twice the size
    /// of a future that is moved into its box for each call.
    pub(super) struct OneRequest<Req, C, B, F, Fut, Res> {
        call: Call<C>,
        message: PhantomData<fn() -> Req>,
        handler: Option<F>,
        #[pin]
        state: State<B, Fut>,
        finish: Finish<C, Res>,
    }
}

pin_project! {
    #[project = StateProjected]
    enum State<B, Fut> {
        Reading { #[pin] body: Collect<B> },
        Handling { #[pin] response: Fut },
    }
}

impl<Req, C: Codecs, B: http_body::Body, F, Fut, Res> OneRequest<Req, C, B, F, Fut, Res> {
    #[inline(always)]
    pub(super) fn new(mut call: Call<C>, body: B, handler: F, finish: Finish<C, Res>) -> Self {
        let body = call.collect(body);
        Self {
            call,
            message: PhantomData,
            handler: Some(handler),
            state: State::Reading { body },
            finish,
        }
    }
}

impl<Req, C, B, F, Fut, Res> Future for OneRequest<Req, C, B, F, Fut, Res>
where
    C: Reads<Req>,
    B: http_body::Body,
    B::Error: Into<BoxError>,
    F: FnOnce(tonic::Request<Req>) -> Fut,
    Fut: Future<Output = Result<tonic::Response<Res>, Status>>,
{
    type Output = Result<http::Response<Body>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::Reading { body } => {
                    let body = ready!(body.poll(cx))?;
                    let request = this.call.read(body)?;
                    let Some(handler) = this.handler.take() else {
                        return Poll::Pending;
                    };
                    let response = handler(request);
                    this.state.set(State::Handling { response });
                }
                StateProjected::Handling { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready((this.finish)(this.call, response));
                }
            }
        }
    }
}
