//! Each option of the generator, on one schema: see `build.rs`.

pub mod by_hand;

/// Includes what was generated into one folder.
macro_rules! generated {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/all.rs"));
        }
    )*};
}

generated! {
    /// All defaults.
    plain
    /// `build_server(false)`
    client_only
    /// `build_client(false)`
    server_only
    /// `build_client(false).build_server(false)`
    messages_only
    /// `client_feature`, `server_feature`
    features
    /// `client_mod_attribute`, `server_mod_attribute` with a condition
    gated
    /// `json(false)`
    no_json
    /// `extern_path`
    external
    /// `type_attribute` and its kin
    attributes
    /// `bytes`, `btree_map`, `boxed`, `retain_enum_prefix`, `skip_debug`, `disable_comments`, `use_arc_self`,
    /// `generate_default_stubs`
    shape
}

/// `skip_debug` leaves it to us.
impl std::fmt::Debug for shape::shop::v1::Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(…)")
    }
}

/// The schema, from `file_descriptor_set_path`.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/shape/shop.binpb"));
