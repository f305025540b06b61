//! The Connect service of a tonic trait: a table of methods, and a `match` on the path with one
//! call per method. All logic is in the runtime.

use proc_macro2::TokenStream;
use prost_build::{Method, Service};
use prost_types::method_options::IdempotencyLevel;
use quote::{format_ident, quote};

use crate::{Builder, attributes, connect_client, naming};

/// The module `<service>_connect`.
pub(crate) fn generate(service: &Service, builder: &Builder) -> String {
    let full_name = if service.package.is_empty() {
        service.proto_name.clone()
    } else {
        format!("{}.{}", service.package, service.proto_name)
    };
    let module = format_ident!("{}_connect", naming::service_module(&service.name));

    let methods = service
        .methods
        .iter()
        .map(|method| describe(&full_name, method));

    let any_feature = match (&builder.client_feature, &builder.server_feature) {
        (Some(client), Some(server)) if builder.build_client && builder.build_server => {
            quote!(#[cfg(any(feature = #client, feature = #server))])
        }
        (Some(client), _) if builder.build_client && !builder.build_server => {
            quote!(#[cfg(feature = #client)])
        }
        (_, Some(server)) if builder.build_server && !builder.build_client => {
            quote!(#[cfg(feature = #server)])
        }
        _ => TokenStream::new(),
    };
    let server = (builder.build_server).then(|| server(service, &full_name, builder));
    let client =
        (builder.build_client).then(|| connect_client::generate(service, &full_name, builder));

    let module_doc = format!(" `{full_name}` over Connect, gRPC and gRPC-Web.");
    let service_doc = format!(" The methods of `{full_name}`.");

    // Nothing is imported: a service may have any name.
    let tokens = quote! {
        #[doc = #module_doc]
        #any_feature
        pub mod #module {
            #[doc = #service_doc]
            pub static SERVICE: ::tonic_connect::schema::Service = ::tonic_connect::schema::Service {
                name: #full_name,
                methods: &[#(#methods),*],
            };

            #client

            #server
        }
    };
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // Shows the compiler's error at the place where the code is included.
        Err(_) => tokens.to_string(),
    }
}

/// `FooConnect<T>`, which serves any `T: Foo`.
fn server(service: &Service, full_name: &str, builder: &Builder) -> TokenStream {
    let server_module = format_ident!("{}_server", naming::service_module(&service.name));
    let trait_name = format_ident!("{}", service.name);
    let connect = format_ident!("{}Connect", service.name);
    let codecs = match builder.json {
        true => "proto and JSON",
        false => "proto alone",
    };
    let connect_doc = format!(
        " Serves any [`{trait_name}`](super::super::{server_module}::{trait_name}) over Connect, gRPC and gRPC-Web, {codecs}."
    );
    let arms = service
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| arm(full_name, &trait_name, index, method, builder));
    let cfg = builder
        .server_feature
        .as_ref()
        .map(|feature| quote!(#[cfg(feature = #feature)]));
    // Where tonic's module is not, there is no trait to serve either.
    let on_module = attributes::matching(&builder.server_mod_attributes, &service.package);
    let on_export = attributes::conditions(&on_module);
    let on_type = attributes::matching(&builder.server_attributes, full_name);

    quote! {
        #cfg
        #(#on_export)*
        pub use self::server::#connect;

        #cfg
        #(#on_module)*
        mod server {
            use super::super::#server_module::#trait_name;

            #[doc = #connect_doc]
            #(#on_type)*
            #[derive(Debug)]
            pub struct #connect<T> {
                inner: ::std::sync::Arc<T>,
                options: ::tonic_connect::server::Options,
            }

            impl<T> #connect<T> {
                /// Serves `inner`, with default limits.
                pub fn new(inner: T) -> Self {
                    Self::from_arc(::std::sync::Arc::new(inner))
                }

                /// Serves `inner`, which others may hold as well.
                pub fn from_arc(inner: ::std::sync::Arc<T>) -> Self {
                    Self { inner, options: ::std::default::Default::default() }
                }

                /// Sets limits and compression.
                #[must_use]
                pub fn with_options(mut self, options: ::tonic_connect::server::Options) -> Self {
                    self.options = options;
                    self
                }
            }

            impl<T> ::std::clone::Clone for #connect<T> {
                fn clone(&self) -> Self {
                    Self {
                        inner: ::std::sync::Arc::clone(&self.inner),
                        options: ::std::clone::Clone::clone(&self.options),
                    }
                }
            }

            impl<T> ::tonic_connect::codegen::NamedService for #connect<T> {
                const NAME: &'static str = #full_name;
            }

            impl<T, B> ::tonic_connect::codegen::Service<::tonic_connect::codegen::http::Request<B>> for #connect<T>
            where
                T: #trait_name,
                B: ::tonic_connect::codegen::Body + ::std::marker::Send + 'static,
                B::Data: ::std::marker::Send,
                B::Error: ::std::convert::Into<::tonic_connect::codegen::BoxError>,
            {
                type Response = ::tonic_connect::codegen::http::Response<::tonic_connect::server::Body>;
                type Error = ::std::convert::Infallible;
                type Future = ::tonic_connect::server::ResponseFuture;

                fn poll_ready(
                    &mut self,
                    _: &mut ::std::task::Context<'_>,
                ) -> ::std::task::Poll<::std::result::Result<(), ::std::convert::Infallible>> {
                    ::std::task::Poll::Ready(::std::result::Result::Ok(()))
                }

                fn call(
                    &mut self,
                    request: ::tonic_connect::codegen::http::Request<B>,
                ) -> ::tonic_connect::server::ResponseFuture {
                    match request.uri().path() {
                        #(#arms)*
                        _ => ::tonic_connect::server::unknown_method(request),
                    }
                }
            }
        }
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
    builder: &Builder,
) -> TokenStream {
    let path = path(service, method);
    let function = naming::ident(&method.name);
    let entry = match (method.client_streaming, method.server_streaming) {
        (false, false) => quote!(unary),
        (false, true) => quote!(server_streaming),
        (true, false) => quote!(client_streaming),
        (true, true) => quote!(bidi_streaming),
    };
    let codecs = match builder.json {
        true => quote!(::tonic_connect::ProtoAndJson),
        false => quote!(::tonic_connect::ProtoOnly),
    };
    let inner = if builder.use_arc_self {
        quote!(inner)
    } else {
        quote!(&*inner)
    };
    quote! {
        #path => {
            let inner = ::std::sync::Arc::clone(&self.inner);
            ::tonic_connect::server::#entry(
                &self.options,
                &super::SERVICE.methods[#index],
                #codecs,
                request,
                move |request| async move { #trait_name::#function(#inner, request).await },
            )
        }
    }
}
