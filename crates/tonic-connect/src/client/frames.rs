//! Message boundaries in a response: one byte of flags, four of length, the message.
//!
//! All protocols frame alike, and tonic's client wants frames: so bytes pass through as they came, without a copy, while
//! [`Frames`] follows the boundaries. It refuses a message beyond the limit as soon as its length is known, and takes
//! out what cannot pass as it is: compressed messages, and the one that ends a stream of Connect or gRPC-Web.

use bytes::{Buf, Bytes, BytesMut};
use tonic::Status;

use crate::envelope::{COMPRESSED, PREFIX_LEN, read_prefix};

/// The five bytes before a message.
pub(super) fn prefix(flags: u8, length: u32) -> [u8; PREFIX_LEN] {
    let [a, b, c, d] = length.to_be_bytes();
    [flags, a, b, c, d]
}

/// What [`Frames::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Bytes of frames, to be passed on.
    Pass(Bytes),
    /// A whole message that has one of the flags looked for: its flags and its bytes.
    Whole(u8, Bytes),
}

/// Follows the frames of one response.
#[derive(Debug)]
pub(super) struct Frames {
    /// The flags of messages that are taken out.
    taken: u8,
    limit: usize,
    state: State,
    /// How many messages began that have no flag of an end.
    messages: u64,
    end_flag: u8,
}

#[derive(Debug)]
enum State {
    /// Within a prefix, of which the bytes so far are held back.
    Prefix(BytesMut),
    /// Within a message that has so many bytes to come.
    Message(usize),
    /// Within a message that is taken out, which has so many bytes to come.
    Whole {
        flags: u8,
        rest: usize,
        bytes: BytesMut,
    },
}

impl Frames {
    /// Refuses messages of more than `limit` bytes; `end_flag` marks the last message, 0 where the protocol has none.
    pub(super) fn new(end_flag: u8, limit: usize) -> Self {
        Self {
            taken: end_flag | COMPRESSED,
            limit,
            state: State::Prefix(BytesMut::new()),
            messages: 0,
            end_flag,
        }
    }

    /// How many messages began so far; what ends the stream is none.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether the next byte would begin a frame: only here may a response end.
    pub(super) fn at_boundary(&self) -> bool {
        matches!(&self.state, State::Prefix(held) if held.is_empty())
    }

    /// Takes bytes from `input`; `None` when there are too few for an event.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Event>, Status> {
        loop {
            match &mut self.state {
                State::Prefix(held) => {
                    let missing = PREFIX_LEN - held.len();
                    if input.len() < missing {
                        held.extend_from_slice(input);
                        input.clear();
                        return Ok(None);
                    }
                    let begun = held.len();
                    let mut frame = [0; PREFIX_LEN];
                    frame[..begun].copy_from_slice(held);
                    frame[begun..].copy_from_slice(&input[..missing]);
                    let Some((flags, length)) = read_prefix(&frame) else {
                        return Ok(None);
                    };
                    if length > self.limit {
                        return Err(too_large(length, self.limit));
                    }
                    if flags & self.end_flag == 0 {
                        self.messages += 1;
                    }
                    if flags & self.taken != 0 {
                        input.advance(missing);
                        self.state = State::Whole {
                            flags,
                            rest: length,
                            bytes: BytesMut::new(),
                        };
                        continue;
                    }
                    if begun > 0 {
                        input.advance(missing);
                        self.state = message_or_prefix(length);
                        return Ok(Some(Event::Pass(Bytes::copy_from_slice(&frame))));
                    }
                    let whole = input.len().min(PREFIX_LEN + length);
                    self.state = message_or_prefix(PREFIX_LEN + length - whole);
                    return Ok(Some(Event::Pass(input.split_to(whole))));
                }
                State::Message(rest) => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let part = input.split_to(input.len().min(*rest));
                    self.state = message_or_prefix(*rest - part.len());
                    return Ok(Some(Event::Pass(part)));
                }
                State::Whole { flags, rest, bytes } => {
                    let part = input.split_to(input.len().min(*rest));
                    *rest -= part.len();
                    let whole = if *rest == 0 && bytes.is_empty() {
                        part
                    } else {
                        bytes.extend_from_slice(&part);
                        if *rest > 0 {
                            return Ok(None);
                        }
                        std::mem::take(bytes).freeze()
                    };
                    let event = Event::Whole(*flags, whole);
                    self.state = State::Prefix(BytesMut::new());
                    return Ok(Some(event));
                }
            }
        }
    }
}

fn message_or_prefix(rest: usize) -> State {
    if rest == 0 {
        State::Prefix(BytesMut::new())
    } else {
        State::Message(rest)
    }
}

/// The status for a message that the caller does not want to hold.
pub(super) fn too_large(length: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "the response has {length} bytes, more than the channel's limit of {limit}: raise max_response_bytes"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tonic::Code;

    use super::*;

    /// What passed, and the end message.
    type Fed = (Vec<u8>, Option<(u8, Bytes)>);

    /// Feeds `bytes` cut into pieces of `piece` bytes.
    fn feed(frames: &mut Frames, bytes: &[u8], piece: usize) -> Result<Fed, Status> {
        let (mut passed, mut end) = (Vec::new(), None);
        for chunk in bytes.chunks(piece) {
            let mut chunk = Bytes::copy_from_slice(chunk);
            while let Some(event) = frames.next(&mut chunk)? {
                match event {
                    Event::Pass(bytes) => passed.extend_from_slice(&bytes),
                    Event::Whole(flags, bytes) => end = Some((flags, bytes)),
                }
            }
            assert!(chunk.is_empty());
        }
        Ok((passed, end))
    }

    fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
        [&prefix(flags, message.len() as u32), message].concat()
    }

    #[test]
    fn messages_pass_and_the_end_is_taken_out_however_the_bytes_are_cut() {
        let messages = [frame(0, b"first"), frame(4, b""), frame(0, b"3")].concat();
        let all = [messages.clone(), frame(0b11, b"end")].concat();
        for piece in 1..=all.len() {
            let mut frames = Frames::new(0b10, 5);
            let (passed, end) = feed(&mut frames, &all, piece).unwrap();
            assert_eq!(passed, messages, "{piece}");
            assert_eq!(end, Some((0b11, Bytes::from_static(b"end"))), "{piece}");
            assert!(frames.at_boundary());
            assert_eq!(frames.messages(), 3);
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_the_message_comes() {
        for flags in [0, 0b10] {
            let error = feed(&mut Frames::new(0b10, 9), &prefix(flags, 10), 2).unwrap_err();
            assert_eq!(error.code(), Code::ResourceExhausted);
        }
    }

    #[test]
    fn without_an_end_flag_every_frame_passes_that_is_not_compressed() {
        let bytes = frame(0xfe, b"x");
        let (passed, end) = feed(&mut Frames::new(0, 9), &bytes, 3).unwrap();
        assert_eq!((passed, end), (bytes, None));
        let (passed, end) = feed(&mut Frames::new(0, 9), &frame(1, b"x"), 3).unwrap();
        assert_eq!((passed, end), (vec![], Some((1, Bytes::from_static(b"x")))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(0u8..4, 0..40), piece in 1usize..9) {
            let _ = feed(&mut Frames::new(0b10, 20), &bytes, piece);
        }
    }
}
