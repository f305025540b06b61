//! What the generator says about schemas and options that it cannot follow.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod schemas;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tonic_connect_build::{Builder, Error, configure};

use schemas::{HEAD, SERVICE, compile, compile_in};

#[test]
fn what_cannot_be_compiled_is_named_with_its_place() {
    let field = |options: &str| format!("message M {{\n  string a = 1 [{options}];\n}}");
    let cases = [
        (
            field("(buf.validate.field).string.no_such_rule = true"),
            "demo.proto:5:17: ",
            "no_such_rule' is not defined: leave the rule out and check the value in code",
        ),
        (
            field("(buf.validate.field).string.hostname = true"),
            "demo.proto:5:17: ",
            "string.hostname' is not defined: leave the rule out",
        ),
        (
            field("(buf.validate.field).cel = {id: \"x\", expression: \"this.size() > 2\"}"),
            "demo.proto:5: demo.v1.M.a: ",
            "the expression `this.size() > 2` is not compiled; only this.matches('REGEX')",
        ),
        (
            field("(buf.validate.field).string.pattern = \"(\""),
            "demo.proto:5: demo.v1.M.a: ",
            "`(` is not a regular expression",
        ),
        (
            "message M {\n\n  map<string, string> a = 1 [(buf.validate.field).cel = {id: \"x\", expression: \"this.matches('y')\"}];\n}".to_owned(),
            "demo.proto:6: demo.v1.M.a: ",
            "rules for maps are not compiled; check the map in code",
        ),
        (
            "message M {\n  message N {\n    int32 a = 1 [(buf.validate.field).enum.defined_only = true];\n  }\n}".to_owned(),
            "demo.proto:6: demo.v1.M.N.a: ",
            "has rules for enums, and is none",
        ),
        ("message M {\n  NoSuchType a = 1;\n}".to_owned(), "demo.proto:5:3: ", "NoSuchType"),
        ("message M {\n  string a = 1\n}".to_owned(), "demo.proto:6:1: ", "';'"),
        ("message M {\n  string a = 1;\n  string b = 1;\n}".to_owned(), "demo.proto:6:14: ", "field number '1' is already used"),
        (
            "import \"gone/v1/gone.proto\";".to_owned(),
            "demo.proto:4:1: ",
            "import 'gone/v1/gone.proto' not found: add the folder that it lies in to the includes",
        ),
    ];
    for (body, place, reason) in cases {
        let error = compile(configure(), &body).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with(place),
            "{place} is not in front of: {message}"
        );
        assert!(message.contains(reason), "{reason} is not in: {message}");
        // What cargo shows of a build script that returns it.
        assert_eq!(format!("{error:?}"), message);
    }
}

#[test]
fn a_type_without_json_is_named_where_json_is_on() {
    let describe = |rest: &str| {
        format!(
            "import \"google/protobuf/descriptor.proto\";\nimport \"google/protobuf/api.proto\";\n{rest}"
        )
    };
    let field = describe("message M {\n  google.protobuf.FileDescriptorProto file = 1;\n}");
    let map = describe("message M {\n  map<string, google.protobuf.Api> apis = 1;\n}");
    let nested = describe(
        "message M {\n  repeated google.protobuf.DescriptorProto.ReservedRange gaps = 1;\n}",
    );
    let method =
        describe("message M {}\nservice S {\n  rpc Get(M) returns (google.protobuf.Api);\n}");
    for (body, expected) in [
        (
            &field,
            "demo.proto:7: demo.v1.M.file: google.protobuf.FileDescriptorProto has no JSON in prost-types: \
             turn JSON off with json(false), or name a type that has it with \
             extern_path(\".google.protobuf.FileDescriptorProto\", …)",
        ),
        (
            &map,
            "demo.proto:7: demo.v1.M.apis: google.protobuf.Api has no",
        ),
        (
            &nested,
            "demo.proto:7: demo.v1.M.gaps: google.protobuf.DescriptorProto.ReservedRange has no",
        ),
        (
            &method,
            "demo.proto:8: demo.v1.S.Get: google.protobuf.Api has no",
        ),
    ] {
        let error = compile(configure(), body).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        let without = compile(configure().json(false), body).unwrap();
        assert!(without.contains("::prost_types::"), "{without}");
        let other = configure().extern_path(".google.protobuf", "crate::google");
        assert!(compile(other, body).is_ok());
    }
    // Enums are numbers in messages, and their names are known.
    let kind = describe("message M { google.protobuf.FieldDescriptorProto.Type type = 1; }");
    assert!(
        compile(configure(), &kind)
            .unwrap()
            .contains("\"TYPE_GROUP\"")
    );
    // What was asked for is no exception.
    let stamp = "import \"google/protobuf/timestamp.proto\"; message M { google.protobuf.Timestamp at = 1; }";
    let path = ".google.protobuf.Timestamp";
    let asked = configure().extern_path(path, "::prost_types::Timestamp");
    let error = compile(asked, stamp).unwrap_err().to_string();
    assert!(
        error.contains("demo.v1.M.at: google.protobuf.Timestamp has no JSON"),
        "{error}"
    );
}

#[test]
fn names_that_generated_code_cannot_bear_are_named() {
    let method = |name: &str| {
        format!("message M {{}}\nservice Greeter {{\n  rpc {name}(M) returns (M);\n}}")
    };
    for (name, function) in [
        ("New", "new"),
        ("WithOrigin", "with_origin"),
        ("WithInterceptor", "with_interceptor"),
        ("SendCompressed", "send_compressed"),
        ("AcceptCompressed", "accept_compressed"),
        ("MaxDecodingMessageSize", "max_decoding_message_size"),
        ("maxEncodingMessageSize", "max_encoding_message_size"),
    ] {
        let expected = format!(
            "demo.proto:6: demo.v1.Greeter.{name}: tonic's client has a function `{function}` of its own, so its code \
             would not compile: rename the method, or leave that half out with build_client(false)"
        );
        let body = method(name);
        let error = compile(configure(), &body).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(compile(configure().build_client(false), &body).is_ok());
    }
    let clone = method("Clone");
    let error = compile(configure().use_arc_self(true), &clone).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("server calls a function `clone`"),
        "{error}"
    );
    assert!(compile(configure(), &clone).is_ok());

    let service = |name: &str| {
        format!("message M {{}}\nservice {name} {{\n  rpc Get(M) returns (stream M);\n}}")
    };
    for name in [
        "Option", "Box", "Arc", "Clone", "Default", "Into", "T", "Body",
    ] {
        let expected = format!(
            "demo.proto:5: demo.v1.{name}: tonic's server of it would be code that does not compile, because it uses \
             another `{name}`: rename the service, or leave the server out with build_server(false)"
        );
        let body = service(name);
        let error = compile(configure(), &body).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(compile(configure().build_server(false), &body).is_ok());
    }
    let stream = service("BoxStream");
    let error = compile(configure().generate_default_stubs(true), &stream).unwrap_err();
    assert!(error.to_string().contains("another `BoxStream`"), "{error}");
    assert!(compile(configure(), &stream).is_ok());

    let beside = "service Greeter {}\nmessage GreeterConnect {\n  message Nested {}\n}";
    let error = compile(configure(), beside).unwrap_err();
    assert_eq!(
        error.to_string(),
        "demo.proto:5: demo.v1.GreeterConnect: what is nested in it would stand in the module `greeter_connect`, as \
         would code of the service demo.v1.Greeter: rename one of them"
    );
    let none = configure().build_client(false).build_server(false);
    assert!(compile(none, beside).is_ok());
    for bearable in [
        "service Greeter {}\nmessage GreeterConnect {\n  map<string, string> a = 1;\n  optional int32 b = 2;\n}",
        "message Greeter {\n  message GreeterConnect { message Nested {} }\n}\nservice Greet {}",
    ] {
        assert!(compile(configure(), bearable).is_ok());
    }
}

#[test]
fn options_that_cannot_be_followed_are_named() {
    let cases = [
        (
            configure().extern_path(".demo.v2", "::demo"),
            "extern_path(\".demo.v2\", …): no package, message or enum of the schema has this name; import",
        ),
        (
            configure().extern_path(".demo.Request", "::demo::Request"),
            "did you mean .demo.v1.Request?",
        ),
        (
            configure().extern_path("demo.v1", "::demo"),
            "does not begin with a dot; write \".demo.v1\"",
        ),
        (
            configure().extern_path(".demo.v1", "demo"),
            "begin it with :: or crate::",
        ),
        (
            configure()
                .extern_path(".demo.v1", "::a")
                .extern_path(".demo.v1", "::b"),
            "is given twice",
        ),
        (
            configure().extern_path(".demo.v1", "::a::b-c"),
            "extern_path(\".demo.v1\", …): \"::a::b-c\" is no path of Rust",
        ),
        (
            configure().extern_path(".demo.v1", "::a::"),
            "\"::a::\" is no path of Rust",
        ),
        (
            configure().extern_path(".demo.v1.Request", "::a::type::Request"),
            "\"::a::type::Request\" is no path of Rust",
        ),
        (
            configure().include_file("demo.v1.rs"),
            "include_file(\"demo.v1.rs\"): is the file of the package \"demo.v1\"; choose another name",
        ),
        (
            configure().file_descriptor_set_path("./demo.v1.rs"),
            "file_descriptor_set_path(\"./demo.v1.rs\"): is the file of the package \"demo.v1\"",
        ),
        (
            configure().include_file("descriptor.binpb"),
            "include_file(\"descriptor.binpb\"): is the file of file_descriptor_set_path(\"descriptor.binpb\")",
        ),
    ];
    for (builder, expected) in cases {
        let error = compile(builder, SERVICE).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} is not in: {error}");
    }
    // A keyword in the path of a package is escaped by prost.
    let body = "import \"google/protobuf/api.proto\"; message M { google.protobuf.Api api = 1; }";
    let code = compile(
        configure().extern_path(".google.protobuf", "crate::type"),
        body,
    )
    .unwrap();
    assert!(code.contains("crate::r#type::Api"), "{code}");
}

#[test]
fn attributes_that_are_none_are_named() {
    type Option = fn(Builder, &'static str, &'static str) -> Builder;
    let options: [(&str, Option); 9] = [
        ("type_attribute", Builder::type_attribute),
        ("message_attribute", Builder::message_attribute),
        ("enum_attribute", Builder::enum_attribute),
        ("field_attribute", Builder::field_attribute),
        ("client_mod_attribute", Builder::client_mod_attribute),
        ("client_attribute", Builder::client_attribute),
        ("server_mod_attribute", Builder::server_mod_attribute),
        ("server_attribute", Builder::server_attribute),
        ("trait_attribute", Builder::trait_attribute),
    ];
    for (name, option) in options {
        for text in [
            "derive(Eq)",
            "#[derive(Eq]",
            "#![allow(missing_docs)]",
            "pub",
        ] {
            let error = compile(option(configure(), ".", text), SERVICE).unwrap_err();
            let expected = format!("{name}(\".\", {text:?}): is no attribute of Rust: ");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
        for text in ["", "/// Said by a comment.", "#[cfg(all())] #[doc(hidden)]"] {
            assert!(
                compile(option(configure(), ".", text), SERVICE).is_ok(),
                "{name} {text}"
            );
        }
    }
}

#[test]
fn editions_are_not_understood() {
    let folder = TempDir::new().unwrap();
    let proto = "edition = \"2023\";\nmessage M {}\n";
    fs::write(folder.path().join("demo.proto"), proto).unwrap();
    let error = compile_in(configure(), folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("demo.proto:1:1: "), "{error}");
    assert!(
        error.ends_with("editions are not understood: write syntax = \"proto3\" or \"proto2\""),
        "{error}"
    );
}

#[test]
fn packages_that_are_one_module_in_rust_are_named() {
    let folder = TempDir::new().unwrap();
    let other = "syntax = \"proto3\";\npackage demo.V1;\nmessage N {}\n";
    fs::write(folder.path().join("other.proto"), other).unwrap();
    let demo = format!("{HEAD}import \"other.proto\";\nmessage M {{ demo.V1.N n = 1; }}\n");
    fs::write(folder.path().join("demo.proto"), demo).unwrap();
    let error = compile_in(configure(), folder.path())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "demo.proto: the packages demo.V1 and demo.v1 are one module in Rust: rename one of them"
    );
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = TempDir::new().unwrap();
    let missing = compile_in(configure(), folder.path())
        .unwrap_err()
        .to_string();
    assert!(missing.contains("demo.proto"), "{missing}");

    fs::write(folder.path().join("demo.proto"), HEAD).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let outside = configure()
        .out_dir(folder.path())
        .compile(&[folder.path().join("demo.proto")], &[elsewhere.path()])
        .unwrap_err()
        .to_string();
    assert!(outside.contains("is not in any include path"), "{outside}");

    let none = configure().out_dir(folder.path());
    let none = none.compile(&[""; 0], &[folder.path()]);
    let none = none.unwrap_err().to_string();
    assert_eq!(
        none,
        "compile(): no .proto file is named; without one nothing is generated"
    );

    let taken = folder.path().join("demo.proto");
    let written = compile_into(&taken, folder.path()).unwrap_err().to_string();
    assert!(written.starts_with(taken.to_str().unwrap()), "{written}");
}

fn compile_into(out_dir: &Path, folder: &Path) -> Result<(), Error> {
    configure()
        .out_dir(out_dir)
        .compile(&[folder.join("demo.proto")], &[folder])
}
