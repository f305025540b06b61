//! Hands requests from hyper to the service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::{Request, Response, Version};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::traffic::{Answer, Answering, Traffic};

/// The service of one connection, which tells each request where it came from.
pub(super) struct Dispatch<S, I> {
    pub(super) service: S,
    pub(super) traffic: Arc<Traffic>,
    pub(super) info: I,
}

impl<S, I, B> hyper::service::Service<Request<Incoming>> for Dispatch<S, I>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
    I: Clone + Send + Sync + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Dispatched<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let answering = Some(self.traffic.begin(request.version()));
        request.extensions_mut().insert(self.info.clone());
        let mut service = self.service.clone();
        // Over HTTP/1.1 hyper polls next what it gets here, so that a service that is ready can have the request at
        // once. Over HTTP/2 the call has a task of its own, and what its service does belongs there.
        let mut cx = Context::from_waker(Waker::noop());
        let state = if request.version() <= Version::HTTP_11
            && let Poll::Ready(Ok(())) = service.poll_ready(&mut cx)
        {
            State::Called {
                future: service.call(request),
            }
        } else {
            State::Waiting {
                service,
                request: Some(request),
            }
        };
        Dispatched { state, answering }
    }
}

pin_project! {
    /// The response of a service that may have to get ready first.
    pub(super) struct Dispatched<S: Service<Request<Incoming>>> {
        #[pin]
        state: State<S>,
        answering: Option<Answering>,
    }
}

pin_project! {
    #[project = StateProjected]
    enum State<S: Service<Request<Incoming>>> {
        Waiting { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: S::Future },
    }
}

impl<S, B> Future for Dispatched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Output = Result<Response<Answer<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    let future = service.call(request);
                    this.state.set(State::Called { future });
                }
                StateProjected::Called { future } => {
                    let response = ready!(future.poll(cx))?;
                    let Some(answering) = this.answering.take() else {
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok(response.map(|body| Answer::new(body, answering))));
                }
            }
        }
    }
}
