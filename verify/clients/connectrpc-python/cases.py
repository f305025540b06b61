"""The package connectrpc, sync and async, in each of its protocols: `cases.py URL DESCRIPTORS`."""

import base64
import os
import sys
from pathlib import Path

from connectrpc.code import Code
from connectrpc.errors import ConnectError

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
from callers import Async, Sync  # noqa: E402
from echo import BINARY, Report, Schema, is_detail  # noqa: E402

url, schema = sys.argv[1], Schema(sys.argv[2])
number = schema.message("Number")
echo_request = schema.message("EchoRequest")
fail_request = schema.message("FailRequest")
count_request = schema.message("CountRequest")
encoded = base64.b64encode(BINARY).decode().rstrip("=")


def is_error(error, code, message, reason):
    assert (error.code, error.message) == (code, message), (error.code, error.message)
    is_detail(schema, error.details[0].type_name, error.details[0].message_bytes, reason)


def failure(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ConnectError as error:
        return error
    raise AssertionError("it did not fail")


def run(kind, protocol, codec, version):
    """All cases of one client; whether they passed."""
    report = Report(" ".join((protocol, codec, version, kind.__name__.lower())))
    caller = kind(schema, url, protocol, codec, version)

    @report.case("unary")
    def _():
        request = echo_request(text="grüße" * 2000, data=BINARY, number=-(2**63))
        response, _ = caller.unary("Echo", request)
        assert (response.text, response.data, response.number) == (request.text, BINARY, -(2**63))

    @report.case("gzip")
    def _():
        zipping = kind(schema, url, protocol, codec, version, gzip=True)
        request = echo_request(text="grüße" * 2000)
        response, metadata = zipping.unary("Echo", request)
        assert response.text == request.text
        assert metadata.headers.get("x-request-encoding") == "gzip", list(metadata.headers.allitems())

    @report.case("metadata")
    def _():
        headers = {"x-echo": "one, two", "x-echo-bin": encoded}
        _, metadata = caller.unary("Echo", echo_request(), headers=headers)
        for entries, name in ((metadata.headers, "x-echo"), (metadata.trailers, "x-trailer")):
            assert entries.get(name) == "one, two", list(entries.allitems())
            assert entries.get(f"{name}-bin").rstrip("=") == encoded, list(entries.allitems())

    @report.case("error")
    def _():
        detail = schema.message("ErrorDetail")(reason="too late")
        error = failure(caller.unary, "Fail", fail_request(code=9, message="no: 100% ünsure", detail=detail))
        is_error(error, Code.FAILED_PRECONDITION, "no: 100% ünsure", "too late")

    @report.case("deadline")
    def _():
        left = caller.unary("Echo", echo_request(), timeout_ms=50_000)[0].timeout_ms
        assert 40_000 <= left <= 50_000, left
        assert failure(caller.unary, "Wait", echo_request(), timeout_ms=200).code == Code.DEADLINE_EXCEEDED

    @report.case("server stream")
    def _():
        numbers, error = caller.server_stream("Count", count_request(to=3))
        assert ([n.value for n in numbers], error) == ([1, 2, 3], None), (numbers, error)

    @report.case("stream error")
    def _():
        numbers, error = caller.server_stream("Count", count_request(to=2, fail=True))
        assert [n.value for n in numbers] == [1, 2], numbers
        is_error(error, Code.ABORTED, "counted enough", "asked for")

    @report.case("client stream")
    def _():
        assert caller.client_stream("Sum", [number(value=value) for value in range(1, 5)]).value == 10

    if version == "h2":

        @report.case("bidi")
        def _():
            doubles = caller.converse("Double", [number(value=value) for value in range(1, 4)])
            assert [double.value for double in doubles] == [2, 4, 6], doubles

    if protocol == "connect":

        @report.case("get")
        def _():
            for gzip in (False, True):
                getting = kind(schema, url, protocol, codec, version, gzip=gzip)
                response, metadata = getting.unary("Read", echo_request(text="got" * 500), use_get=True)
                assert response.text == "got" * 500
                came = [metadata.headers.get(f"x-{what}") for what in ("http-method", "request-encoding")]
                assert came == ["GET", "gzip" if gzip else "identity"], came

    return not report.failed


passed = [
    run(kind, *client)
    for kind in (Sync, Async)
    for client in (
        ("connect", "proto", "h1"),
        ("connect", "proto", "h2"),
        ("connect", "json", "h1"),
        ("grpc", "proto", "h2"),
        ("grpc-web", "proto", "h1"),
    )
]
# At once, without the interpreter's clean-up: threads of pyqwest that still want the interpreter then make CPython
# before 3.14 abort now and then, after all has passed.
os._exit(not all(passed))
