//! What is generated for the zoo works: both encodings of every kind of field, validation, and calls.
#![allow(clippy::unwrap_used, clippy::expect_used, deprecated)]

use std::future::poll_fn;

use example_zoo::zoo::self_::r#mod as deep;
use example_zoo::zoo::r#type::v1 as kinds;
use example_zoo::zoo::v1;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic_connect::codegen::{Service, http};
use tonic_connect::validate::Validate;
use tonic_connect::{Channel, Client, Codec};

/// Reads JSON, and writes it again by way of the binary encoding.
fn there_and_back<M>(json: &str) -> String
where
    M: Message + Default + Serialize + DeserializeOwned,
{
    let read: M = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let decoded = M::decode(read.encode_to_vec().as_slice()).unwrap();
    serde_json::to_string(&decoded).unwrap()
}

#[test]
fn every_kind_of_field_has_both_encodings() {
    v1::register_json_types();
    type Case = (fn(&str) -> String, &'static str);
    let cases: [Case; 24] = [
        (there_and_back::<v1::E>, r#"{"e":{"e":{}}}"#),
        (there_and_back::<v1::T>, r#"{"e":{"e":"x"},"m":{}}"#),
        (there_and_back::<v1::Option>, r#"{"some":"x","none":""}"#),
        (there_and_back::<v1::Vec>, r#"{"vec":[{},{"vec":[{}]}]}"#),
        (there_and_back::<v1::String>, r#"{"string":"x"}"#),
        (there_and_back::<v1::Result>, r#"{"err":""}"#),
        (there_and_back::<v1::Some>, r#"{"some":{"some":{}}}"#),
        (there_and_back::<v1::Box>, r#"{"box":{}}"#),
        (there_and_back::<v1::Default>, r#"{"default":true}"#),
        (there_and_back::<v1::Debug>, r#"{"clone":{}}"#),
        (
            there_and_back::<v1::HashMap>,
            r#"{"hashMap":{"a":{"hashMap":{"b":{}}}}}"#,
        ),
        (
            there_and_back::<v1::Scalars>,
            r#"{"double":1.5,"float":"NaN","int32":-1,"int64":"-2","uint32":3,"uint64":"4","sint32":-5,"sint64":"-6","fixed32":7,"fixed64":"8","sfixed32":-9,"sfixed64":"-10","bool":true,"string":"x","bytes":"AQI=","optionalDouble":0.0,"optionalBool":false,"optionalString":"","optionalBytes":"","optionalEnum":"SMALL","doubles":[1.0,"Infinity"],"bools":[true,false],"strings":[""],"bytess":["AA=="],"sizes":["large","Self","_3",9],"unpacked":["1","2"]}"#,
        ),
        (
            there_and_back::<v1::Maps>,
            r#"{"strings":{"a":""},"messages":{"-1":{"bool":true}},"enums":{"true":"large"},"bytes":{"18446744073709551615":"AA=="},"times":{"0":"1970-01-01T00:00:00Z"},"doubles":{"1":0.5}}"#,
        ),
        (
            there_and_back::<v1::WellKnown>,
            r#"{"any":{"@type":"type.googleapis.com/zoo.v1.T.E","e":"x"},"duration":"1.500s","empty":{},"fieldMask":"a.bC","struct":{"x":[null]},"value":null,"list":[1.0,"a"],"timestamp":"1970-01-01T00:00:00Z","bool":false,"bytes":"","string":"","int64":"0","durations":["-1s"]}"#,
        ),
        (
            there_and_back::<v1::Animal>,
            r#"{"called":"Ox","diet":"DIET_PLANTS","size":"OLD","young":[{}],"mother":{"cage":"big"},"yield":"LOOP_SELF","camelCase":"a","SHOUTED":"b","withTwo":"c","trailing":"d","x1y2":"e","gaps":[1,2],"far":"g","inside":{"wild":{}},"self":{"self":{"crate":"x"}}}"#,
        ),
        (
            there_and_back::<v1::Animal>,
            r#"{"roof":"ROOF_GRASS","crate":{"true":true}}"#,
        ),
        (there_and_back::<v1::Animal>, r#"{"async":"SMALL"}"#),
        (there_and_back::<v1::Animal>, r#"{"await":"AA=="}"#),
        (
            there_and_back::<v1::Animal>,
            r#"{"diet":"DIET_BELOW_ZERO","dyn":false}"#,
        ),
        (
            there_and_back::<v1::Old>,
            r#"{"gone":"x","older":{},"this":"y"}"#,
        ),
        (
            there_and_back::<kinds::Type>,
            r#"{"self":{"crate":"a","extern":"b","gen":"c","4":"d"},"impl":{"true":true,"fn":{}},"loop":"LOOP_BREAK","super":"LOOP_CONTINUE"}"#,
        ),
        (there_and_back::<kinds::Type>, r#"{"mut":{"fn":{}}}"#),
        (there_and_back::<deep::Self_>, r#"{"crate":"x"}"#),
        (there_and_back::<example_zoo::Stray>, r#"{"name":"x"}"#),
    ];
    for (there_and_back, json) in cases {
        assert_eq!(there_and_back(json), json);
    }
}

#[test]
fn both_names_of_a_number_are_read() {
    let read: v1::Animal = serde_json::from_str(r#"{"diet":"DIET_HERBIVORE"}"#).unwrap();
    assert_eq!(read.diet(), v1::Diet::Plants);
}

#[test]
fn the_rules_hold_at_any_depth() {
    for (json, expected) in [
        (r#"{"wild":{}}"#, ""),
        (r#"{"cage":"box"}"#, ""),
        (r#"{"cage":"no"}"#, "cage: "),
        (r#"{}"#, "home: "),
        (r#"{"inside":{}}"#, "inside.home: "),
        (
            r#"{"wild":{},"young":[{"wild":{}},{"wild":{},"gaps":[1,2,3,4,5]}]}"#,
            "young[1].gaps: ",
        ),
    ] {
        let animal: v1::Animal = serde_json::from_str(json).unwrap();
        match animal.validate() {
            Ok(()) => assert_eq!(expected, "", "{json}"),
            Err(found) => assert!(
                !expected.is_empty() && found.to_string().starts_with(expected),
                "{json}: {found}"
            ),
        }
    }
}

/// Answers the one method of the service that is named like what generated code uses.
struct Answers;

#[tonic::async_trait]
impl v1::service_server::Service for Answers {
    async fn call(
        &self,
        request: tonic::Request<v1::E>,
    ) -> Result<tonic::Response<v1::E>, tonic::Status> {
        Ok(tonic::Response::new(v1::E {
            e: Some(Box::new(request.into_inner())),
        }))
    }
}

#[tokio::test]
async fn a_service_of_any_name_is_served() {
    let mut service = v1::service_connect::ServiceConnect::new(Answers);
    let request = http::Request::post("/zoo.v1.Service/Call")
        .header("content-type", "application/json")
        .body(String::from(r#"{"e":{}}"#))
        .unwrap();
    poll_fn(|cx| Service::<http::Request<String>>::poll_ready(&mut service, cx))
        .await
        .unwrap();
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
}

/// Answers methods that are named like what our client has of its own.
struct Echo;

#[tonic::async_trait]
impl kinds::self__server::Self_ for Echo {
    async fn with_codec(
        &self,
        request: tonic::Request<kinds::Type>,
    ) -> Result<tonic::Response<kinds::Type>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }

    async fn with_get(
        &self,
        request: tonic::Request<kinds::Type>,
    ) -> Result<tonic::Response<kinds::Type>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }
}

#[tokio::test]
async fn a_method_named_like_what_our_client_has_is_called() {
    let channel = Channel::builder("http://in.process")
        .build_over(kinds::self__connect::Self_Connect::new(Echo))
        .unwrap();
    let sent = kinds::Type::default();
    for codec in [Codec::Proto, Codec::Json] {
        let client = Client::new(channel.clone()).codec(codec).use_get(true);
        let client = kinds::self__connect::Self_Client::from(client);
        let answer = client.with_codec(sent.clone()).await.unwrap();
        assert_eq!(answer.into_inner(), sent);
        let answer = client.with_get(sent.clone()).await.unwrap();
        assert_eq!(answer.into_inner(), sent);
    }
}

#[test]
fn the_schema_is_there_whole() {
    let set = prost_types::FileDescriptorSet::decode(example_zoo::FILE_DESCRIPTOR_SET).unwrap();
    let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
    for name in [
        "zoo/v1/zoo.proto",
        "zoo/self/mod/deep.proto",
        "google/protobuf/any.proto",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}
