"""What the Python peers share: messages from the compiled schema, and the report of the cases.

A report is one line per case on standard output: protocol, case, and `ok` or what went wrong,
between tabs.
"""

import sys
import traceback
from pathlib import Path

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

BINARY = bytes([0, 1, 255])


class Schema:
    service = "echo.v1.EchoService"

    def __init__(self, path):
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes()).file:
            pool.Add(file)
        pool.Add(_rpc_status_file())
        self._pool = pool

    def message(self, name):
        full = name if "." in name else f"echo.v1.{name}"
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(full))

    def method(self, name):
        return self._pool.FindServiceByName(self.service).methods_by_name[name]

    def rpc_status(self, data):
        return self.message("google.rpc.Status").FromString(data)


def _rpc_status_file():
    """google.rpc.Status, with the detail's two fields in place: its package is not installed."""
    file = descriptor_pb2.FileDescriptorProto(name="status.proto", package="google.rpc", syntax="proto3")
    detail = file.message_type.add(name="Detail")
    detail.field.add(name="type_url", number=1, type=9, label=1)
    detail.field.add(name="value", number=2, type=12, label=1)
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=5, label=1)
    status.field.add(name="message", number=2, type=9, label=1)
    status.field.add(name="details", number=3, type=11, label=3, type_name=".google.rpc.Detail")
    return file


def is_detail(schema, type_url, value, reason):
    assert type_url.split("/")[-1] == "echo.v1.ErrorDetail", type_url
    assert schema.message("ErrorDetail").FromString(value).reason == reason, value


class Report:
    def __init__(self, protocol):
        self.protocol = protocol
        self.failed = False

    def case(self, name):
        """Runs the decorated function as the case `name`."""

        def run(function):
            try:
                function()
                said = "ok"
            except Exception as error:
                traceback.print_exc()
                self.failed = True
                said = f"FAILED {type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")
            print(self.protocol, name, said, sep="\t", flush=True)

        return run

    def exit(self):
        sys.exit(self.failed)
