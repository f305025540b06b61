//! Compiles one schema many times over, each time with another option, into a folder each.

use std::path::PathBuf;

use tonic_connect_build::{Builder, Error, configure};

const SHOP: &str = "proto/shop/v1/shop.proto";
const MONEY: &str = "proto/money/v1/money.proto";
const META: &str = "proto/meta/v1/meta.proto";

fn main() -> Result<(), Error> {
    compile("plain", configure(), &[SHOP])?;

    // One half only. Neither leaves messages alone.
    compile("client_only", configure().build_server(false), &[SHOP])?;
    compile("server_only", configure().build_client(false), &[SHOP])?;
    compile(
        "messages_only",
        configure().build_client(false).build_server(false),
        &[SHOP],
    )?;
    // Both, behind features of this crate: here the client is on and the server is off.
    compile(
        "features",
        configure().client_feature("calls").server_feature("serves"),
        &[SHOP],
    )?;

    // The same by attributes, for each package its own condition.
    let gated = configure()
        .client_mod_attribute("shop.v1", "#[cfg(feature = \"calls\")]")
        .server_mod_attribute("shop.v1", "#[cfg(feature = \"serves\")]");
    compile("gated", gated, &[SHOP, MONEY])?;

    // Without JSON, messages have the binary format alone, and those of others need no serde: neither one written by
    // hand nor those of prost-types, which stand for what is no well-known type.
    let no_json = configure()
        .json(false)
        .extern_path(".shop.v1.Wrapping", "crate::by_hand::Ribbon");
    compile("no_json", no_json, &[SHOP, META])?;

    // A package that another crate has generated, and messages that somebody has written.
    let external = configure()
        .extern_path(".money.v1", "crate::plain::money::v1")
        .extern_path(".google.protobuf.Timestamp", "crate::by_hand::Stamp")
        .extern_path(".shop.v1.Wrapping", "crate::by_hand::Wrapping");
    compile("external", external, &[SHOP])?;

    let attributes = configure()
        .type_attribute(".", "#[doc(alias = \"everything\")]")
        .message_attribute(".shop.v1.Address", "#[derive(PartialOrd, Ord)]")
        .enum_attribute(".shop.v1.Order.payment", "#[non_exhaustive]")
        .field_attribute(".shop.v1.Order.thing", "#[doc(alias = \"article\")]")
        .client_mod_attribute("shop.v1", "#[doc(alias = \"buyer\")]")
        .client_attribute("shop.v1.Shop", "#[doc(alias = \"cart\")] #[must_use]")
        .server_mod_attribute("shop.v1", "#[doc(alias = \"seller\")]")
        .server_attribute("shop.v1.Shop", "#[doc(alias = \"counter\")] #[must_use]")
        .trait_attribute("Shop", "#[doc(alias = \"sells\")]");
    compile("attributes", attributes, &[SHOP])?;

    let shape = configure()
        .bytes([".shop.v1.Order.note"])
        .btree_map([".shop.v1.Order.amounts"])
        .boxed([".shop.v1.Order.address", ".shop.v1.Order.payment.cash"])
        .retain_enum_prefix(true)
        .skip_debug([".shop.v1.Address"])
        .disable_comments([".shop.v1.Order", "shop.v1.Shop.Buy"])
        .use_arc_self(true)
        .generate_default_stubs(true)
        .file_descriptor_set_path("shop.binpb");
    compile("shape", shape, &[SHOP, MONEY])
}

fn compile(name: &str, builder: Builder, protos: &[&str]) -> Result<(), Error> {
    let out_dir = std::env::var_os("OUT_DIR").ok_or(Error::NoOutDir)?;
    builder
        .out_dir(PathBuf::from(out_dir).join(name))
        .include_file("all.rs")
        .compile(protos, &["proto"])
}
