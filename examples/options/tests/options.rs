//! What each option makes of the schema. That it compiles is half of the test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use example_options::by_hand::{Stamp, Wrapping};
use example_options::{attributes, client_only, external, features, messages_only, no_json};
use example_options::{plain, server_only, shape};
use prost::Message;
use tonic_connect::validate::Validate;

/// What was generated for the package `shop.v1` with some option.
fn shop(option: &str) -> String {
    read(&format!("{option}/shop.v1.rs")).unwrap()
}

fn read(path: &str) -> std::io::Result<String> {
    std::fs::read_to_string(format!("{}/{path}", env!("OUT_DIR")))
}

const PARTS: [&str; 6] = [
    "pub mod shop_client",
    "pub mod shop_server",
    "pub mod shop_connect",
    "struct ShopConnect",
    "pub use self::client::ShopClient",
    "fn register_json_types",
];

#[test]
fn halves_are_left_out() {
    for (option, expected) in [
        ("plain", [true, true, true, true, true, true]),
        ("client_only", [true, false, true, false, true, true]),
        ("server_only", [false, true, true, true, false, true]),
        ("messages_only", [false, false, false, false, false, true]),
        ("no_json", [true, true, true, true, true, false]),
    ] {
        let code = shop(option);
        assert_eq!(PARTS.map(|part| code.contains(part)), expected, "{option}");
    }
    // Each is there to be used.
    assert_eq!(
        client_only::shop::v1::shop_connect::SERVICE.methods.len(),
        4
    );
    let _ = server_only::shop::v1::shop_connect::ShopConnect::new(());
    let _ = features::shop::v1::shop_client::ShopClient::<tonic_connect::Channel>::new;
    let _ = messages_only::shop::v1::Order::default();
}

/// A name that must not be there otherwise: were it there, it would be ambiguous.
#[cfg(not(feature = "serves"))]
mod absent {
    pub(super) struct ShopConnect;
}

#[cfg(not(feature = "serves"))]
#[test]
fn a_condition_on_modules_holds_for_tonics_and_for_ours() {
    use absent::*;
    use example_options::gated;
    use gated::shop::v1::shop_connect::*;

    // The client is on and the server is off.
    let _ = gated::shop::v1::shop_client::ShopClient::<tonic_connect::Channel>::new;
    let _ = ShopClient::new;
    let _: ShopConnect = ShopConnect;
    // Another package has none.
    let _ = gated::money::v1::exchange_connect::ExchangeConnect::new(());
    for part in [
        "#[cfg(feature = \"calls\")]\n    pub use self::client::ShopClient;",
        "#[cfg(feature = \"calls\")]\n    mod client {",
        "#[cfg(feature = \"serves\")]\n    pub use self::server::ShopConnect;",
        "#[cfg(feature = \"serves\")]\n    mod server {",
    ] {
        assert!(shop("gated").contains(part), "{part}");
    }
}

#[test]
fn fields_of_other_types_have_both_encodings() {
    let json = r#"{"note":"c29vbg==","amounts":{"a":1,"b":2,"c":3}}"#;
    let order: shape::shop::v1::Order = serde_json::from_str(json).unwrap();
    assert_eq!(order.note, bytes::Bytes::from_static(b"soon"));
    let amounts = [("a", 1), ("b", 2), ("c", 3)].map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(order.amounts, BTreeMap::from(amounts));
    let encoded = bytes::Bytes::from(order.encode_to_vec());
    let decoded = shape::shop::v1::Order::decode(encoded).unwrap();
    assert_eq!(serde_json::to_string(&decoded).unwrap(), json);
    // The binary encoding is there without the other.
    let order = no_json::shop::v1::Order::default();
    assert_eq!(
        no_json::shop::v1::Order::decode(order.encode_to_vec().as_slice()).unwrap(),
        order
    );
}

#[test]
fn external_types_stand_in_for_generated_ones() {
    let receipt = external::shop::v1::Receipt {
        paid: Some(plain::money::v1::Money {
            currency: "EUR".to_owned(),
            units: 3,
        }),
        time: Some(Stamp { seconds: 7 }),
        wrapping: Some(Wrapping::default()),
    };
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(
        json,
        r#"{"paid":{"currency":"EUR","units":"3"},"time":"@7","wrapping":{"paper":""}}"#
    );
    assert_eq!(
        serde_json::from_str::<external::shop::v1::Receipt>(&json).unwrap(),
        receipt
    );
    // Those that know their rules are held to them.
    assert_eq!(receipt.validate(), Ok(()));
    let paid = plain::money::v1::Money {
        currency: "euro".to_owned(),
        units: 3,
    };
    let found = external::shop::v1::Receipt {
        paid: Some(paid),
        ..receipt
    }
    .validate();
    assert!(
        found
            .unwrap_err()
            .to_string()
            .starts_with("paid.currency: ")
    );
    // Nothing of that package is generated, its services neither.
    assert!(
        read("plain/money.v1.rs")
            .unwrap()
            .contains("ExchangeConnect")
    );
    assert!(read("external/money.v1.rs").is_err());
    assert!(!read("external/all.rs").unwrap().contains("money"));
}

#[test]
fn attributes_stand_where_they_were_put() {
    let addresses = BTreeSet::from([attributes::shop::v1::Address::default()]);
    assert!(addresses.contains(&attributes::shop::v1::Address::default()));
    let code = shop("attributes");
    for (attribute, times) in [
        ("doc(alias = \"everything\")", 6),
        ("#[non_exhaustive]", 1),
        ("doc(alias = \"article\")", 1),
        // On tonic's and on ours.
        ("doc(alias = \"buyer\")", 2),
        ("doc(alias = \"seller\")", 2),
        ("doc(alias = \"cart\")", 2),
        ("doc(alias = \"counter\")", 2),
        // There is one trait.
        ("doc(alias = \"sells\")", 1),
    ] {
        assert_eq!(code.matches(attribute).count(), times, "{attribute}");
    }
}

struct Till;

#[tonic::async_trait]
impl shape::shop::v1::shop_server::Shop for Till {
    async fn buy(
        self: Arc<Self>,
        request: tonic::Request<shape::shop::v1::Order>,
    ) -> Result<tonic::Response<shape::shop::v1::Receipt>, tonic::Status> {
        let order = request.into_inner();
        let Some(shape::shop::v1::order::Payment::Cash(cash)) = order.payment else {
            return Err(tonic::Status::failed_precondition("cash only"));
        };
        Ok(tonic::Response::new(shape::shop::v1::Receipt {
            paid: Some(*cash),
            ..Default::default()
        }))
    }
}

#[tokio::test]
async fn the_trait_has_the_shape_that_was_asked_for() {
    use tonic_connect::codegen::{Service, http};

    let mut service = shape::shop::v1::shop_connect::ShopConnect::new(Till);
    for (method, body, status) in [
        (
            "Buy",
            r#"{"cash":{"units":"3"},"address":{"city":"Ulm"}}"#,
            200,
        ),
        ("Buy", r#"{"card":"x"}"#, 400),
    ] {
        let request = http::Request::post(format!("/shop.v1.Shop/{method}"))
            .header("content-type", "application/json")
            .body(body.to_owned())
            .unwrap();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), status, "{method} {body}");
    }
}

#[test]
fn the_rest_of_the_shape() {
    use shape::shop::v1::{Address, Kind, Order};

    assert_eq!(Kind::KindBook as i32, 1);
    let order = Order {
        address: Some(Box::new(Address::default())),
        ..Default::default()
    };
    assert!(format!("{order:?}").contains("Address(…)"));
    let (with, without) = (shop("plain"), shop("shape"));
    for comment in ["/// What somebody wants.", "/// Buys a thing."] {
        assert!(with.contains(comment), "{comment}");
        assert!(!without.contains(comment), "{comment}");
    }
    let set = prost_types::FileDescriptorSet::decode(example_options::FILE_DESCRIPTOR_SET).unwrap();
    assert!(
        set.file
            .iter()
            .any(|file| file.name() == "shop/v1/shop.proto")
    );
}
