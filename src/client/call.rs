//! How a call is made: its deadline, its retries, its error.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tonic::{Code, Request, Response, Status};
use tonic_connect::Channel;

use super::{Client, ClientError};

/// Tries after the first one, of a read.
const RETRIES: u32 = 3;
/// Before the first retry; doubles with each.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);

impl Client {
    /// Makes a call once.
    pub(super) async fn act<Req, Res, F>(
        &self,
        message: Req,
        call: impl FnOnce(Channel, Request<Req>) -> F,
    ) -> Result<Res, ClientError>
    where
        F: Future<Output = Result<Response<Res>, Status>>,
    {
        call(self.channel.clone(), self.request(message))
            .await
            .map(Response::into_inner)
            .map_err(|status| self.failed(status))
    }

    /// Makes a call that has no side effects, and makes it again when the server is not available.
    pub(super) async fn read<Req, Res, F>(
        &self,
        message: Req,
        call: impl Fn(Channel, Request<Req>) -> F,
    ) -> Result<Res, ClientError>
    where
        Req: Clone,
        F: Future<Output = Result<Response<Res>, Status>>,
    {
        self.retry(|| {
            let sent = call(self.channel.clone(), self.request(message.clone()));
            async { sent.await.map(Response::into_inner) }
        })
        .await
    }

    /// Does what has no side effects, again when the server is not available.
    pub(super) async fn retry<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut retry = 0;
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(status) if status.code() == Code::Unavailable && retry < RETRIES => {
                    tokio::time::sleep(jittered(FIRST_BACK_OFF * 2_u32.pow(retry))).await;
                    retry += 1;
                }
                Err(status) => return Err(self.failed(status)),
            }
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    pub(super) fn failed(&self, status: Status) -> ClientError {
        ClientError::Status {
            status,
            base_url: self.base_url.clone(),
        }
    }

    /// What the schema requires of a response.
    pub(super) fn required<T>(
        &self,
        value: Option<T>,
        field: &'static str,
    ) -> Result<T, ClientError> {
        value.ok_or_else(|| ClientError::Incomplete {
            field,
            base_url: self.base_url.clone(),
        })
    }
}

/// Between half of `duration` and all of it, so that clients that failed together do not come back together.
pub(super) fn jittered(duration: Duration) -> Duration {
    // A fresh `RandomState` has fresh keys.
    let random = RandomState::new().hash_one(()) % 1024;
    duration.mul_f64(0.5 + random as f64 / 2048.0)
}
