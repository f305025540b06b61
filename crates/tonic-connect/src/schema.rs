//! What a channel must know of a service before it calls it: the kind of each method and whether a repeat is safe.
//!
//! A generated tonic client hands its channel a path and bytes, no more. gRPC frames every kind of method alike, so
//! that is enough for gRPC; Connect gives unary calls a body without frames, so a channel that speaks Connect looks
//! the path up here. The generator emits one [`Service`] as a `static` for every service of a schema.

/// The methods of one service, as its schema declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The full name: `package.Service`.
    pub name: &'static str,
    /// Every method, in the order of the schema.
    pub methods: &'static [Method],
}

impl Service {
    /// The method that answers under `path` (`/package.Service/Method`).
    pub fn method(&self, path: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.path == path)
    }
}

/// One method of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The path of its requests: `/package.Service/Method`.
    pub path: &'static str,
    /// Which side streams.
    pub kind: MethodKind,
    /// What a repeated call does.
    pub idempotency: Idempotency,
}

/// Which sides of a call send more than one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One message each way.
    Unary,
    /// Any number of requests, one response.
    ClientStreaming,
    /// One request, any number of responses.
    ServerStreaming,
    /// Any number of messages each way.
    BidiStreaming,
}

/// The `idempotency_level` of a method, as `google.protobuf.MethodOptions` defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// Nothing is promised: a repeat may act twice.
    #[default]
    Unknown,
    /// Reads only. Connect may send such a call as an HTTP GET.
    NoSideEffects,
    /// Acts, and a repeat changes nothing more.
    Idempotent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_its_whole_path_and_by_nothing_else() {
        static SERVICE: Service = Service {
            name: "a.B",
            methods: &[Method {
                path: "/a.B/C",
                kind: MethodKind::Unary,
                idempotency: Idempotency::NoSideEffects,
            }],
        };
        assert_eq!(SERVICE.method("/a.B/C"), Some(&SERVICE.methods[0]));
        for path in ["", "/", "a.B/C", "/a.B/", "/a.B/c", "/a.B/CC", "/x/a.B/C"] {
            assert_eq!(SERVICE.method(path), None, "{path}");
        }
    }
}
