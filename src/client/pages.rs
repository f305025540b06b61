//! Lists as streams over their pages.

use std::collections::HashSet;
use std::future::Future;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{Client, ClientError};
use crate::v1::{PaginationRequest, PaginationResponse};

/// The entries of a list, page after page as they are taken. It ends with the first error.
pub type Items<T> = BoxStream<'static, Result<T, ClientError>>;

/// The most that the schema allows: fewer calls.
const PAGE_SIZE: i32 = 100;

struct Pages {
    client: Client,
    /// The token of the next page, none after the last one.
    next: Option<String>,
    seen: HashSet<String>,
}

impl Client {
    /// The entries of all pages that `fetch` gets.
    pub(super) fn pages<T, F>(
        &self,
        fetch: impl Fn(Client, Option<PaginationRequest>) -> F + Send + Sync + 'static,
    ) -> Items<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<(Vec<T>, Option<PaginationResponse>), ClientError>> + Send,
    {
        let first = Pages {
            client: self.clone(),
            next: Some(String::new()),
            seen: HashSet::new(),
        };
        stream::try_unfold((first, fetch), async |(mut pages, fetch)| {
            let Some(token) = pages.next.take() else {
                return Ok(None);
            };
            let request = PaginationRequest {
                page_size: PAGE_SIZE,
                token,
            };
            let (items, pagination) = fetch(pages.client.clone(), Some(request)).await?;
            let next = pagination.unwrap_or_default().next_token;
            if !next.is_empty() {
                if !pages.seen.insert(next.clone()) {
                    return Err(ClientError::RepeatedPageToken {
                        token: next.chars().take(64).collect(),
                        base_url: pages.client.base_url.clone(),
                    });
                }
                pages.next = Some(next);
            }
            let items = stream::iter(items.into_iter().map(Ok));
            Ok(Some((items, (pages, fetch))))
        })
        .try_flatten()
        .boxed()
    }
}
