//! A request of arbitrary head and body to a service of all four kinds: content types, encodings, timeouts, metadata,
//! the query of a GET and its base64, envelopes, compressed messages. Every answer is one of its protocol.
#![no_main]

use example_chat::rooms::Rooms;
use example_chat::v1::chat_service_connect::ChatServiceConnect;
use prebuilds_fuzz::http::{Answer, request, run};
use tonic_connect::server::Options;
use tower::ServiceExt as _;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(request) = request(input) else {
        return;
    };
    let options = Options::new().max_request_bytes(1024);
    let service = ChatServiceConnect::new(Rooms::default()).with_options(options);
    run(async move {
        let response = service.oneshot(request).await.expect("an answer");
        Answer::of(response).await.check();
    });
});
