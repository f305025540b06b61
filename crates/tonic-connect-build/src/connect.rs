//! The Connect service of a tonic trait: a table of methods, and a `match` on the path with one
//! call per method. All logic is in the runtime.

use proc_macro2::TokenStream;
use prost_build::{Method, Service};
use prost_types::method_options::IdempotencyLevel;
use quote::{format_ident, quote};

use crate::naming;

/// The module `<service>_connect`.
pub(crate) fn generate(
    service: &Service,
    client_feature: Option<&str>,
    server_feature: Option<&str>,
) -> String {
    let full_name = if service.package.is_empty() {
        service.proto_name.clone()
    } else {
        format!("{}.{}", service.package, service.proto_name)
    };
    let module = format_ident!("{}_connect", naming::service_module(&service.name));
    let server_module = format_ident!("{}_server", naming::service_module(&service.name));
    let trait_name = format_ident!("{}", service.name);
    let connect = format_ident!("{}Connect", service.name);

    let methods = service
        .methods
        .iter()
        .map(|method| describe(&full_name, method));
    let arms = service
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| arm(&full_name, &trait_name, index, method));

    let any_feature = match (client_feature, server_feature) {
        (Some(client), Some(server)) => quote!(#[cfg(any(feature = #client, feature = #server))]),
        _ => TokenStream::new(),
    };
    let server_cfg = server_feature.map(|feature| quote!(#[cfg(feature = #feature)]));

    let module_doc = format!(" `{full_name}` over Connect, gRPC and gRPC-Web.");
    let service_doc = format!(" The methods of `{full_name}`.");
    let connect_doc =
        format!(" Serves any [`{trait_name}`] over Connect, gRPC and gRPC-Web, proto and JSON.");

    let tokens = quote! {
        #[doc = #module_doc]
        #any_feature
        pub mod #module {
            #[doc = #service_doc]
            pub static SERVICE: ::tonic_connect::schema::Service = ::tonic_connect::schema::Service {
                name: #full_name,
                methods: &[#(#methods),*],
            };

            #server_cfg
            pub use self::server::#connect;

            #server_cfg
            mod server {
                use ::tonic_connect::codegen::{
                    Arc, Body, BoxError, Context, Infallible, NamedService, Poll, Service, http,
                };
                use ::tonic_connect::server::{self, Options, ResponseFuture};
                use super::super::#server_module::#trait_name;
                use super::SERVICE;

                #[doc = #connect_doc]
                #[derive(Debug)]
                pub struct #connect<T> {
                    inner: Arc<T>,
                    options: Options,
                }

                impl<T> #connect<T> {
                    /// Serves `inner`, with default limits.
                    pub fn new(inner: T) -> Self {
                        Self::from_arc(Arc::new(inner))
                    }

                    /// Serves `inner`, which others may hold as well.
                    pub fn from_arc(inner: Arc<T>) -> Self {
                        Self { inner, options: Options::default() }
                    }

                    /// Sets limits and compression.
                    #[must_use]
                    pub fn with_options(mut self, options: Options) -> Self {
                        self.options = options;
                        self
                    }
                }

                impl<T> Clone for #connect<T> {
                    fn clone(&self) -> Self {
                        Self { inner: Arc::clone(&self.inner), options: self.options.clone() }
                    }
                }

                impl<T> NamedService for #connect<T> {
                    const NAME: &'static str = #full_name;
                }

                impl<T, B> Service<http::Request<B>> for #connect<T>
                where
                    T: #trait_name,
                    B: Body + Send + 'static,
                    B::Data: Send,
                    B::Error: Into<BoxError>,
                {
                    type Response = http::Response<server::Body>;
                    type Error = Infallible;
                    type Future = ResponseFuture;

                    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                        Poll::Ready(Ok(()))
                    }

                    fn call(&mut self, request: http::Request<B>) -> ResponseFuture {
                        match request.uri().path() {
                            #(#arms)*
                            _ => server::unknown_method(&self.options, request),
                        }
                    }
                }
            }
        }
    };
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // Shows the compiler's error at the place where the code is included.
        Err(_) => tokens.to_string(),
    }
}

fn path(service: &str, method: &Method) -> String {
    format!("/{service}/{}", method.proto_name)
}

fn describe(service: &str, method: &Method) -> TokenStream {
    let path = path(service, method);
    let kind = match (method.client_streaming, method.server_streaming) {
        (false, false) => quote!(Unary),
        (true, false) => quote!(ClientStreaming),
        (false, true) => quote!(ServerStreaming),
        (true, true) => quote!(BidiStreaming),
    };
    let idempotency = match method.options.idempotency_level() {
        IdempotencyLevel::IdempotencyUnknown => quote!(Unknown),
        IdempotencyLevel::NoSideEffects => quote!(NoSideEffects),
        IdempotencyLevel::Idempotent => quote!(Idempotent),
    };
    quote! {
        ::tonic_connect::schema::Method {
            path: #path,
            kind: ::tonic_connect::schema::MethodKind::#kind,
            idempotency: ::tonic_connect::schema::Idempotency::#idempotency,
        }
    }
}

fn arm(
    service: &str,
    trait_name: &proc_macro2::Ident,
    index: usize,
    method: &Method,
) -> TokenStream {
    let path = path(service, method);
    let function = naming::ident(&method.name);
    let entry = match (method.client_streaming, method.server_streaming) {
        (false, false) => quote!(unary),
        (false, true) => quote!(server_streaming),
        (true, false) => quote!(client_streaming),
        (true, true) => quote!(bidi_streaming),
    };
    quote! {
        #path => {
            let inner = Arc::clone(&self.inner);
            server::#entry(&self.options, &SERVICE.methods[#index], request, move |request| async move {
                #trait_name::#function(&*inner, request).await
            })
        }
    }
}
