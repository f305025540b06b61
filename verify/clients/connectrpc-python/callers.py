"""The two clients of the package connectrpc, sync and async, behind the same few functions."""

import asyncio
import queue

import pyqwest
from connectrpc.client import ConnectClient, ConnectClientSync, ResponseMetadata
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.compression.gzip import GzipCompression
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType

PROTOCOLS = {"connect": ProtocolType.CONNECT, "grpc": ProtocolType.GRPC, "grpc-web": ProtocolType.GRPC_WEB}
VERSIONS = {"h1": pyqwest.HTTPVersion.HTTP1, "h2": pyqwest.HTTPVersion.HTTP2}
KINDS = {
    (False, False): StreamType.UNARY,
    (False, True): StreamType.SERVER_STREAM,
    (True, False): StreamType.CLIENT_STREAM,
    (True, True): StreamType.BIDI_STREAM,
}


class Caller:
    def __init__(self, schema, url, protocol, codec, version, gzip=False):
        self.schema = schema
        options = {
            "protocol": PROTOCOLS[protocol],
            "codec": google_protobuf_json_codec() if codec == "json" else google_protobuf_binary_codec(),
            "send_compression": GzipCompression() if gzip else None,
        }
        self.client = self.open(url, options, VERSIONS[version])

    def method(self, name):
        method = self.schema.method(name)
        safe = name == "Read"
        return MethodInfo(
            name=name,
            service_name=self.schema.service,
            input=self.schema.message(method.input_type.name),
            output=self.schema.message(method.output_type.name),
            idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS if safe else IdempotencyLevel.UNKNOWN,
            stream_type=KINDS[method.client_streaming, method.server_streaming],
        )


class Sync(Caller):
    def open(self, url, options, version):
        transport = pyqwest.SyncHTTPTransport(http_version=version)
        return ConnectClientSync(url, http_client=pyqwest.SyncClient(transport), **options)

    def unary(self, name, request, **options):
        with ResponseMetadata() as metadata:
            response = self.client.execute_unary(request=request, method=self.method(name), **options)
        return response, metadata

    def client_stream(self, name, requests):
        return self.client.execute_client_stream(request=iter(requests), method=self.method(name))

    def server_stream(self, name, request):
        """The messages, and the error that ended them or None."""
        messages = []
        try:
            for message in self.client.execute_server_stream(request=request, method=self.method(name)):
                messages.append(message)
        except ConnectError as error:
            return messages, error
        return messages, None

    def converse(self, name, requests):
        """The answers, each awaited before the next request is sent."""
        send = queue.Queue()
        answers = self.client.execute_bidi_stream(request=iter(send.get, None), method=self.method(name))
        received = []
        for request in requests:
            send.put(request)
            received.append(next(answers))
        send.put(None)
        return received + list(answers)


class Async(Caller):
    def open(self, url, options, version):
        self.runner = asyncio.Runner()

        async def build():
            client = pyqwest.Client(pyqwest.HTTPTransport(http_version=version))
            return ConnectClient(url, http_client=client, **options)

        return self.runner.run(build())

    def unary(self, name, request, **options):
        async def call():
            with ResponseMetadata() as metadata:
                response = await self.client.execute_unary(request=request, method=self.method(name), **options)
            return response, metadata

        return self.runner.run(call())

    def client_stream(self, name, requests):
        async def each():
            for request in requests:
                yield request

        async def call():
            return await self.client.execute_client_stream(request=each(), method=self.method(name))

        return self.runner.run(call())

    def server_stream(self, name, request):
        async def call():
            messages = []
            try:
                async for message in self.client.execute_server_stream(request=request, method=self.method(name)):
                    messages.append(message)
            except ConnectError as error:
                return messages, error
            return messages, None

        return self.runner.run(call())

    def converse(self, name, requests):
        async def call():
            send = asyncio.Queue()

            async def each():
                while (request := await send.get()) is not None:
                    yield request

            answers = self.client.execute_bidi_stream(request=each(), method=self.method(name))
            received = []
            for request in requests:
                await send.put(request)
                received.append(await anext(answers))
            await send.put(None)
            return received + [answer async for answer in answers]

        return self.runner.run(call())
