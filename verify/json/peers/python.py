"""google.protobuf of PyPI (json_format on upb) as a peer; the protocol is in src/peer.rs."""

import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def read_chunk(stream):
    head = stream.read(4)
    if len(head) < 4:
        return None
    return stream.read(struct.unpack("<I", head)[0])


def chunks(data):
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def attempt(work):
    try:
        return b"+" + work()
    except Exception as error:  # Whatever it is, it belongs into the report.
        return b"-" + f"{type(error).__name__}: {error}".encode()


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(read_chunk(source)).file:
        pool.Add(file)

    def make(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    while (batch := read_chunk(source)) is not None:
        answer = bytearray()
        parts = chunks(batch)
        for name, binary, text in zip(parts, parts, parts):
            kind = make(name.decode())
            for result in (
                attempt(lambda: json_format.MessageToJson(
                    kind.FromString(binary), indent=None, descriptor_pool=pool).encode()),
                attempt(lambda: json_format.Parse(
                    text, kind(), descriptor_pool=pool).SerializeToString()),
            ):
                answer += struct.pack("<I", len(result)) + result
        sink.write(struct.pack("<I", len(answer)) + answer)
        sink.flush()


main()
