//! Our client of a service: a method for each of the service's, over `tonic_connect::Client`, where all logic is.

use proc_macro2::TokenStream;
use prost_build::{Method, Service};
use quote::{format_ident, quote};

use crate::{Builder, attributes, naming};

/// `FooClient`, with the methods of tonic's client and a choice of codec.
pub(crate) fn generate(service: &Service, full_name: &str, builder: &Builder) -> TokenStream {
    let client = format_ident!("{}Client", service.name);
    // The runtime's client says the same, for a service that has a method of that name.
    let has = |name: &str| service.methods.iter().any(|each| each.name == name);
    let with_codec = (builder.json && !has("with_codec")).then(|| {
        quote! {
            /// Writes and reads messages with `codec`.
            #[must_use]
            pub fn with_codec(self, codec: ::tonic_connect::Codec) -> Self {
                Self { inner: self.inner.codec(codec) }
            }
        }
    });
    let with_get = (!has("with_get")).then(|| {
        quote! {
            /// Sends calls of methods without side effects as HTTP GET, where the protocol has it.
            #[must_use]
            pub fn with_get(self, get: bool) -> Self {
                Self { inner: self.inner.use_get(get) }
            }
        }
    });
    let (codecs, inner, new) = match builder.json {
        true => {
            let client = quote!(::tonic_connect::Client);
            ("protobuf or JSON", client, quote!(new))
        }
        false => {
            let client = quote!(::tonic_connect::Client<::tonic_connect::ProtoOnly>);
            ("protobuf", client, quote!(proto_only))
        }
    };
    let doc =
        format!(" Calls `{full_name}` over a channel of any protocol, with messages as {codecs}.");
    let cfg = builder
        .client_feature
        .as_ref()
        .map(|feature| quote!(#[cfg(feature = #feature)]));
    let on_module = attributes::matching(&builder.client_mod_attributes, &service.package);
    let on_export = attributes::conditions(&on_module);
    let on_type = attributes::matching(&builder.client_attributes, full_name);
    let methods = (service.methods.iter().enumerate()).map(|(index, each)| {
        let name = format!("{full_name}.{}", each.proto_name);
        let docs = if builder.disable_comments.contains(&name) {
            &[]
        } else {
            each.comments.leading.as_slice()
        };
        method(index, each, docs)
    });

    quote! {
        #cfg
        #(#on_export)*
        pub use self::client::#client;

        #cfg
        #(#on_module)*
        mod client {
            #[doc = #doc]
            #(#on_type)*
            #[derive(::std::clone::Clone, ::std::fmt::Debug)]
            pub struct #client {
                inner: #inner,
            }

            impl #client {
                /// A client that sends protobuf, and no GETs.
                pub fn new(channel: ::tonic_connect::Channel) -> Self {
                    Self { inner: ::tonic_connect::Client::#new(channel) }
                }

                #with_codec

                #with_get

                #(#methods)*
            }

            impl ::std::convert::From<#inner> for #client {
                fn from(inner: #inner) -> Self {
                    Self { inner }
                }
            }
        }
    }
}

fn method(index: usize, method: &Method, docs: &[String]) -> TokenStream {
    let deprecated = method
        .options
        .deprecated
        .unwrap_or_default()
        .then(|| quote!(#[deprecated]));
    let name = naming::ident(&method.name);
    let (input, output) = (path(&method.input_type), path(&method.output_type));
    let (call, request, into) = match (method.client_streaming, method.server_streaming) {
        (false, false) => ("unary", one(&input), "IntoRequest::into_request"),
        (false, true) => ("server_streaming", one(&input), "IntoRequest::into_request"),
        (true, false) => ("client_streaming", many(&input), STREAMING),
        (true, true) => ("bidi_streaming", many(&input), STREAMING),
    };
    let (call, into) = (format_ident!("{call}"), tokens(into));
    let answer = match method.server_streaming {
        false => output,
        true => quote!(::tonic_connect::codegen::tonic::Streaming<#output>),
    };
    quote! {
        #(#[doc = #docs])*
        #deprecated
        pub async fn #name(
            &self,
            request: #request,
        ) -> ::std::result::Result<
            ::tonic_connect::codegen::tonic::Response<#answer>,
            ::tonic_connect::codegen::tonic::Status,
        > {
            let request = ::tonic_connect::codegen::tonic::#into(request);
            self.inner.#call(&super::SERVICE.methods[#index], request).await
        }
    }
}

const STREAMING: &str = "IntoStreamingRequest::into_streaming_request";

fn one(input: &TokenStream) -> TokenStream {
    quote!(impl ::tonic_connect::codegen::tonic::IntoRequest<#input>)
}

fn many(input: &TokenStream) -> TokenStream {
    quote!(impl ::tonic_connect::codegen::tonic::IntoStreamingRequest<Message = #input>)
}

/// The path of a message, which prost gives relative to the module of the package.
fn path(rust_type: &str) -> TokenStream {
    if rust_type.starts_with("::") || rust_type.starts_with("crate::") || rust_type == "()" {
        tokens(rust_type)
    } else {
        tokens(&format!("super::super::{rust_type}"))
    }
}

/// A path of prost's or of this file is always one.
fn tokens(path: &str) -> TokenStream {
    path.parse().unwrap_or_default()
}
