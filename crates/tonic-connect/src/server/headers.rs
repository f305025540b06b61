//! The headers of a request that mean something to a protocol, found in one pass: a request has fewer headers than
//! there are names to look for.

use http::{HeaderMap, HeaderName, HeaderValue};

macro_rules! headers {
    ($($header:ident $name:literal)*) => {
        /// A header of a protocol, or of HTTP's own that a protocol uses.
        #[derive(Clone, Copy)]
        pub(super) enum Header {
            $($header),*
        }

        static NAMES: [HeaderName; [$($name),*].len()] = [$(HeaderName::from_static($name)),*];

        impl Header {
            pub(super) fn name(self) -> &'static HeaderName {
                &NAMES[self as usize]
            }

            fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$header),)*
                    _ => None,
                }
            }
        }
    };
}

headers! {
    ContentType "content-type"
    ContentLength "content-length"
    ContentEncoding "content-encoding"
    AcceptEncoding "accept-encoding"
    TransferEncoding "transfer-encoding"
    Te "te"
    ConnectProtocolVersion "connect-protocol-version"
    ConnectTimeoutMs "connect-timeout-ms"
    ConnectContentEncoding "connect-content-encoding"
    ConnectAcceptEncoding "connect-accept-encoding"
    GrpcTimeout "grpc-timeout"
    GrpcEncoding "grpc-encoding"
    GrpcAcceptEncoding "grpc-accept-encoding"
}

/// The headers of one request by their meaning.
pub(super) struct Known<'a> {
    headers: &'a HeaderMap,
    first: [Option<&'a HeaderValue>; NAMES.len()],
}

impl<'a> Known<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut first = [None; NAMES.len()];
        for (name, value) in headers {
            if let Some(header) = Header::of(name.as_str()) {
                first[header as usize].get_or_insert(value);
            }
        }
        Self { headers, first }
    }

    /// The first value.
    pub(super) fn first(&self, header: Header) -> Option<&'a HeaderValue> {
        self.first[header as usize]
    }

    /// All values.
    pub(super) fn all(&self, header: Header) -> impl Iterator<Item = &'a HeaderValue> {
        let name = self.first(header).map(|_| header.name());
        name.into_iter().flat_map(|name| self.headers.get_all(name))
    }

    /// Which headers there are.
    pub(super) fn names(&self) -> Names {
        let there = self.first.iter().enumerate();
        let there = there.filter(|(_, value)| value.is_some());
        Names(there.fold(0, |names, (header, _)| names | 1 << header))
    }
}

/// Names of headers.
#[derive(Clone, Copy)]
pub(super) struct Names(u16);

impl Names {
    /// What of HTTP says how a message was sent, and nothing about the call.
    pub(super) const HTTP: Self = Self(0).with(&[
        Header::ContentType,
        Header::ContentLength,
        Header::ContentEncoding,
        Header::AcceptEncoding,
        Header::TransferEncoding,
    ]);

    /// These, and those of `headers`.
    pub(super) const fn with(self, headers: &[Header]) -> Self {
        let mut names = self.0;
        let mut at = 0;
        while at < headers.len() {
            names |= 1 << headers[at] as u16;
            at += 1;
        }
        Self(names)
    }

    /// Those that are here and there.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Removes the headers of these names.
    pub(super) fn remove_from(self, headers: &mut HeaderMap) {
        let mut left = self.0;
        while left != 0 {
            headers.remove(&NAMES[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
    }
}
