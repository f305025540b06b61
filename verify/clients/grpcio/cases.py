"""grpcio, the gRPC of Python, over the C core: `cases.py URL DESCRIPTORS`."""

import sys
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
from echo import BINARY, Report, Schema, is_detail  # noqa: E402

schema = Schema(sys.argv[2])
channel = grpc.insecure_channel(sys.argv[1].removeprefix("http://"))
report = Report("grpc")


def method(name):
    desc = schema.method(name)
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    return kinds[desc.client_streaming, desc.server_streaming](
        f"/{schema.service}/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=schema.message(desc.output_type.name).FromString,
    )


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it did not fail")


def has_detail(error, reason):
    trailers = dict(error.trailing_metadata())
    status = schema.rpc_status(trailers["grpc-status-details-bin"])
    is_detail(schema, status.details[0].type_url, status.details[0].value, reason)


number = schema.message("Number")
echo_request = schema.message("EchoRequest")
fail_request = schema.message("FailRequest")
count_request = schema.message("CountRequest")


@report.case("unary")
def _():
    request = echo_request(text="grüße" * 2000, data=BINARY, number=-(2**63))
    response = method("Echo")(request)
    assert (response.text, response.data, response.number) == (request.text, BINARY, -(2**63))


@report.case("gzip")
def _():
    request = echo_request(text="grüße" * 2000)
    response, call = method("Echo").with_call(request, compression=grpc.Compression.Gzip)
    assert response.text == request.text
    assert dict(call.initial_metadata())["x-request-encoding"] == "gzip", call.initial_metadata()


@report.case("metadata")
def _():
    sent = (("x-echo", "one"), ("x-echo", "two"), ("x-echo-bin", BINARY))
    _, call = method("Echo").with_call(echo_request(), metadata=sent)
    for metadata, name in ((call.initial_metadata(), "x-echo"), (call.trailing_metadata(), "x-trailer")):
        assert [value for key, value in metadata if key == name] == ["one", "two"], metadata
        assert dict(metadata)[f"{name}-bin"] == BINARY, metadata


@report.case("error")
def _():
    detail = schema.message("ErrorDetail")(reason="too late")
    request = fail_request(code=9, message="no: 100% ünsure", detail=detail)
    error = failure(lambda: method("Fail")(request))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "no: 100% ünsure", error
    has_detail(error, "too late")


@report.case("deadline")
def _():
    left = method("Echo")(echo_request(), timeout=50).timeout_ms
    # The C core asks for a little more than it was given.
    assert 40_000 <= left <= 51_000, left
    error = failure(lambda: method("Wait")(echo_request(), timeout=0.2))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


@report.case("server stream")
def _():
    assert [n.value for n in method("Count")(count_request(to=3))] == [1, 2, 3]


@report.case("stream error")
def _():
    numbers = method("Count")(count_request(to=2, fail=True))
    assert [next(numbers).value, next(numbers).value] == [1, 2]
    error = failure(lambda: next(numbers))
    assert error.code() == grpc.StatusCode.ABORTED and error.details() == "counted enough", error
    has_detail(error, "asked for")


@report.case("client stream")
def _():
    assert method("Sum")(number(value=value) for value in range(1, 5)).value == 10


@report.case("bidi")
def _():
    # Each number is sent when the double of the one before has come.
    import queue

    send = queue.Queue()
    doubles = method("Double")(iter(send.get, None))
    for value in range(1, 4):
        send.put(number(value=value))
        assert next(doubles).value == 2 * value
    send.put(None)
    assert next(doubles, None) is None


report.exit()
