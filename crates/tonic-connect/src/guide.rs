//! Guides, each about one thing that people do with this crate.
//!
//! Their examples are compiled and run with the service of `examples/chat`, whose crate is `example_chat`.

// They are run where that crate can be used: by the tests of `examples/chat`.
macro_rules! guides {
    ($($name:ident from $path:literal,)*) => {$(
        #[cfg_attr(not(doctest), doc = include_str!($path))]
        pub mod $name {}
    )*};
}

guides! {
    serving from "../docs/serving.md",
    calling from "../docs/calling.md",
    streams from "../docs/streams.md",
    errors from "../docs/errors.md",
    deadlines from "../docs/deadlines.md",
    compression from "../docs/compression.md",
    interceptors from "../docs/interceptors.md",
    tls from "../docs/tls.md",
    browsers from "../docs/browsers.md",
}
