//! Where server and token come from, and what is said when they are missing or wrong.

use prebuilds::client::{Client, ClientError};

#[test]
fn base_url_and_token_come_from_the_first_variable_that_has_them() {
    type Variables = &'static [(&'static str, &'static str)];
    let table: &[(Variables, Result<&str, &str>)] = &[
        (
            &[
                ("PREBUILDS_BASE_URL", "http://p"),
                ("ONA_BASE_URL", "http://o"),
                ("GITPOD_BASE_URL", "http://g"),
                ("GITPOD_API_KEY", "k"),
            ],
            Ok("http://p"),
        ),
        (
            &[
                ("ONA_BASE_URL", "http://o"),
                ("GITPOD_BASE_URL", "http://g"),
                ("PREBUILDS_API_KEY", "k"),
            ],
            Ok("http://o"),
        ),
        (
            &[("GITPOD_BASE_URL", "http://g"), ("ONA_API_KEY", "k")],
            Ok("http://g"),
        ),
        // An empty variable is none.
        (
            &[
                ("PREBUILDS_BASE_URL", ""),
                ("ONA_BASE_URL", "http://o"),
                ("PREBUILDS_API_KEY", " "),
                ("GITPOD_API_KEY", "k"),
            ],
            Ok("http://o"),
        ),
        // Without a base URL, each token goes home, and only there.
        (&[("PREBUILDS_API_KEY", "k")], Ok("http://127.0.0.1:8080")),
        (&[("ONA_API_KEY", "k")], Ok("https://app.ona.com/api")),
        (&[("GITPOD_API_KEY", "k")], Ok("https://app.gitpod.io/api")),
        (
            &[("PREBUILDS_API_KEY", "k"), ("ONA_API_KEY", "o")],
            Ok("http://127.0.0.1:8080"),
        ),
        (&[], Err("PREBUILDS_API_KEY")),
        (&[("ONA_BASE_URL", "http://o")], Err("PREBUILDS_API_KEY")),
        (&[("ONA_API_KEY", "")], Err("ONA_API_KEY")),
        (
            &[("ONA_API_KEY", "k"), ("ONA_BASE_URL", "example.org")],
            Err("base URL"),
        ),
        (
            &[("ONA_API_KEY", "a\nb"), ("ONA_BASE_URL", "http://o")],
            Err("authorization"),
        ),
    ];
    for (variables, expected) in table {
        let client = Client::from_vars(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        match (client, expected) {
            (Ok(client), Ok(base)) => assert_eq!(client.base_url(), *base, "{variables:?}"),
            (Err(error), Err(part)) => {
                let message = error.to_string();
                assert!(message.contains(part), "{variables:?}: {message}");
            }
            (result, _) => panic!("{variables:?}: {result:?}"),
        }
    }
}

#[test]
fn what_the_builder_was_told_goes_before_variables() {
    let client = Client::builder()
        .base_url("http://told")
        .token("told")
        .vars(|_| Some("http://variable".to_owned()))
        .build()
        .unwrap();
    assert_eq!(client.base_url(), "http://told");
}

#[test]
fn a_token_without_a_family_stays_on_this_machine() {
    let client = Client::builder().token("t").vars(|_| None).build().unwrap();
    assert_eq!(client.base_url(), prebuilds::client::DEFAULT_BASE_URL);
    assert!(matches!(
        Client::builder().base_url("http://h").build(),
        Err(ClientError::NoToken)
    ));
}

#[test]
fn debug_never_shows_the_token() {
    let builder = Client::builder().base_url("http://h").token("s3cret");
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("http://h"), "{shown}");
}
