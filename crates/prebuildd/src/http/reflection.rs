//! gRPC reflection, so that `grpcurl` and `buf curl` can call the API without its `.proto` files.
//!
//! It needs no token: the schema is public, and the same on every server. Streams end with the
//! server.

use axum::Router;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};
use tonic_connect::server::Options;

use super::standard::reflection::server_reflection_connect::ServerReflectionConnect;
use super::standard::reflection_alpha::server_reflection_connect::ServerReflectionConnect as AlphaConnect;
use super::standard::{FILE_DESCRIPTOR_SET, reflection, reflection_alpha};

/// The current version, and the one before it, which older tools ask for.
pub(super) fn routes(shutdown: CancellationToken, options: &Options) -> Router {
    let schema = match schema() {
        Ok(schema) => schema,
        Err(error) => {
            tracing::error!(%error, "serving without reflection: the compiled schema is broken");
            return Router::new();
        }
    };
    let answers = Answers { schema, shutdown };
    Router::new()
        .route_service(
            "/grpc.reflection.v1.ServerReflection/{method}",
            ServerReflectionConnect::new(answers.clone()).with_options(options.clone()),
        )
        .route_service(
            "/grpc.reflection.v1alpha.ServerReflection/{method}",
            AlphaConnect::new(answers).with_options(options.clone()),
        )
}

/// What the server serves.
fn schema() -> Result<DescriptorPool, DescriptorError> {
    let mut pool = DescriptorPool::decode(prebuilds::FILE_DESCRIPTOR_SET)?;
    pool.decode_file_descriptor_set(FILE_DESCRIPTOR_SET)?;
    Ok(pool)
}

#[derive(Clone)]
struct Answers {
    schema: DescriptorPool,
    shutdown: CancellationToken,
}

/// What is asked for, whichever version of the service asks.
enum Question {
    File(String),
    Symbol(String),
    Extension(String, i32),
    ExtensionNumbers(String),
    Services,
}

/// What there is to say to it.
enum Answer {
    File(Vec<u8>),
    ExtensionNumbers(String, Vec<i32>),
    Services(Vec<String>),
}

impl Answers {
    fn answer(&self, question: Question) -> Result<Answer, Status> {
        match question {
            Question::File(name) => file(self.schema.get_file_by_name(&name), &name),
            Question::Symbol(name) => file(self.declaring(&name), &name),
            Question::Extension(message, number) => {
                let found = self.schema.get_message_by_name(&message);
                let number = u32::try_from(number).ok();
                let extension = found.zip(number).and_then(|(m, n)| m.get_extension(n));
                file(extension.map(|found| found.parent_file()), &message)
            }
            Question::ExtensionNumbers(message) => {
                let found = self.schema.get_message_by_name(&message);
                let found = found.ok_or_else(|| unknown(&message))?;
                let numbers = found.extensions().flat_map(|e| i32::try_from(e.number()));
                Ok(Answer::ExtensionNumbers(message, numbers.collect()))
            }
            Question::Services => {
                let services = self.schema.services().map(|s| s.full_name().to_owned());
                Ok(Answer::Services(services.collect()))
            }
        }
    }

    /// The file that declares `symbol`, or that of which `symbol` is a part: a method, a field, a
    /// value of an enum.
    fn declaring(&self, symbol: &str) -> Option<FileDescriptor> {
        let pool = &self.schema;
        let declared = |name: &str| {
            (pool
                .get_message_by_name(name)
                .map(|found| found.parent_file()))
            .or_else(|| Some(pool.get_service_by_name(name)?.parent_file()))
            .or_else(|| Some(pool.get_enum_by_name(name)?.parent_file()))
            .or_else(|| Some(pool.get_extension_by_name(name)?.parent_file()))
        };
        declared(symbol).or_else(|| {
            let (parent, name) = symbol.rsplit_once('.')?;
            if let Some(service) = pool.get_service_by_name(parent) {
                let mut methods = service.methods();
                return methods
                    .find(|m| m.name() == name)
                    .map(|_| service.parent_file());
            }
            if let Some(message) = pool.get_message_by_name(parent) {
                let is_field = message.get_field_by_name(name).is_some();
                let is_part = is_field || message.oneofs().any(|oneof| oneof.name() == name);
                return is_part.then(|| message.parent_file());
            }
            // The values of an enum are its siblings.
            let mut enums = pool.all_enums();
            let found = enums.find(|e| e.values().any(|value| value.full_name() == symbol))?;
            Some(found.parent_file())
        })
    }
}

fn file(found: Option<FileDescriptor>, name: &str) -> Result<Answer, Status> {
    let found = found.ok_or_else(|| unknown(name))?;
    Ok(Answer::File(found.encode_to_vec()))
}

fn unknown(name: &str) -> Status {
    let name: String = name.chars().take(200).collect();
    Status::not_found(format!("the schema has no {name:?}"))
}

/// The two versions differ in their package only.
macro_rules! serve {
    ($version:ident) => {
        #[async_trait]
        impl $version::server_reflection_server::ServerReflection for Answers {
            type ServerReflectionInfoStream =
                BoxStream<'static, Result<$version::ServerReflectionResponse, Status>>;

            async fn server_reflection_info(
                &self,
                request: Request<Streaming<$version::ServerReflectionRequest>>,
            ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
                use $version::server_reflection_request::MessageRequest as Asked;
                use $version::server_reflection_response::MessageResponse as Said;

                let this = self.clone();
                let ended = self.shutdown.clone().cancelled_owned();
                let answers = request.into_inner().map(move |request| {
                    let request = request?;
                    let question = match request.message_request.clone() {
                        Some(Asked::FileByFilename(name)) => Question::File(name),
                        Some(Asked::FileContainingSymbol(name)) => Question::Symbol(name),
                        Some(Asked::FileContainingExtension(asked)) => {
                            Question::Extension(asked.containing_type, asked.extension_number)
                        }
                        Some(Asked::AllExtensionNumbersOfType(name)) => {
                            Question::ExtensionNumbers(name)
                        }
                        Some(Asked::ListServices(_)) => Question::Services,
                        None => return Err(Status::invalid_argument("the request asks nothing")),
                    };
                    let said = match this.answer(question) {
                        Ok(Answer::File(file)) => {
                            Said::FileDescriptorResponse($version::FileDescriptorResponse {
                                file_descriptor_proto: vec![file],
                            })
                        }
                        Ok(Answer::ExtensionNumbers(base_type_name, extension_number)) => {
                            Said::AllExtensionNumbersResponse($version::ExtensionNumberResponse {
                                base_type_name,
                                extension_number,
                            })
                        }
                        Ok(Answer::Services(names)) => {
                            let service = names.into_iter();
                            let service = service.map(|name| $version::ServiceResponse { name });
                            Said::ListServicesResponse($version::ListServiceResponse {
                                service: service.collect(),
                            })
                        }
                        Err(status) => Said::ErrorResponse($version::ErrorResponse {
                            error_code: status.code().into(),
                            error_message: status.message().to_owned(),
                        }),
                    };
                    Ok($version::ServerReflectionResponse {
                        valid_host: request.host.clone(),
                        original_request: Some(request),
                        message_response: Some(said),
                    })
                });
                Ok(Response::new(answers.take_until(ended).boxed()))
            }
        }
    };
}

serve!(reflection);
serve!(reflection_alpha);
