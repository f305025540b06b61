//! The services of the API, and what is done with every call of them before and after.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use prebuilds::v1::event_service_connect::EventServiceConnect;
use prebuilds::v1::identity_service_connect::IdentityServiceConnect;
use prebuilds::v1::prebuild_service_connect::PrebuildServiceConnect;
use prebuilds::v1::project_service_connect::ProjectServiceConnect;
use prebuilds::v1::runner_configuration_service_connect::RunnerConfigurationServiceConnect;
use tonic::Status;
use tonic::server::NamedService;
use tonic_connect::server::{Options, error_response, linger};
use url::form_urlencoded;

use crate::api::{Api, QueryPage, bearer};

/// The full names of the services.
pub(super) const SERVICES: [&str; 5] = [
    <PrebuildServiceConnect<Api> as NamedService>::NAME,
    <ProjectServiceConnect<Api> as NamedService>::NAME,
    <RunnerConfigurationServiceConnect<Api> as NamedService>::NAME,
    <IdentityServiceConnect<Api> as NamedService>::NAME,
    <EventServiceConnect<Api> as NamedService>::NAME,
];

pub(super) fn routes(api: &Api, options: Options) -> Router {
    macro_rules! serve {
        ($router:expr, $($service:ident at $path:literal,)*) => {
            $router$(.route_service(
                $path,
                $service::new(api.clone()).with_options(options.clone()),
            ))*
        };
    }
    serve!(Router::new(),
        PrebuildServiceConnect at "/gitpod.v1.PrebuildService/{method}",
        ProjectServiceConnect at "/gitpod.v1.ProjectService/{method}",
        RunnerConfigurationServiceConnect at "/gitpod.v1.RunnerConfigurationService/{method}",
        IdentityServiceConnect at "/gitpod.v1.IdentityService/{method}",
        EventServiceConnect at "/gitpod.v1.EventService/{method}",
    )
    .route_layer(from_fn_with_state(api.clone(), around))
}

async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    // Also for those who are refused here.
    let mut request = linger(request).map(Body::new);
    let creates = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .is_some_and(|method| method.starts_with("Create"));
    let mut response = match prepare(&api, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(status) => error_response(&request, &status).map(Body::new),
    };
    if !may_repeat(creates, &response) {
        let name = header::HeaderName::from_static("x-should-retry");
        let value = HeaderValue::from_static("false");
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Finds out who calls, and which page of a listing the URL asks for.
async fn prepare(api: &Api, request: &mut Request) -> Result<(), Status> {
    let caller = api.authenticate(bearer(request.headers())?).await?;
    request.extensions_mut().insert(caller);
    if let Some(page) = page_of(request)? {
        request.extensions_mut().insert(page);
    }
    Ok(())
}

/// The page that the query of a POST asks for, as clients without Connect send it.
fn page_of(request: &Request) -> Result<Option<QueryPage>, Status> {
    let Some(query) = request.uri().query() else {
        return Ok(None);
    };
    if request.method() != Method::POST {
        return Ok(None);
    }
    let mut page = QueryPage::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "pageSize" | "page_size" => {
                let size = value.parse().map_err(|_| {
                    let value: String = value.chars().take(64).collect();
                    Status::invalid_argument(format!(
                        "query parameter {name}: {value:?} is not a number from 0 to 100"
                    ))
                })?;
                page.size = Some(size);
            }
            "token" => page.token = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok((page != QueryPage::default()).then_some(page))
}

/// Whether a client that repeats failed calls by itself may do so here. Such clients go by the HTTP
/// status: they would post a request again that is too large or whose method does not exist, and
/// a creation that may have happened.
fn may_repeat(creates: bool, response: &Response) -> bool {
    match response.status() {
        StatusCode::NOT_IMPLEMENTED => false,
        StatusCode::TOO_MANY_REQUESTS => response.headers().contains_key(header::RETRY_AFTER),
        status => !(creates && status.is_server_error()),
    }
}
