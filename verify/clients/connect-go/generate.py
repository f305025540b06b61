"""Runs Go's two code generators on the compiled schema: `generate.py DESCRIPTORS FOLDER`.

In place of protoc, which would hand the same request to them.
"""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

descriptors, folder = map(Path, sys.argv[1:])
request = plugin_pb2.CodeGeneratorRequest(
    file_to_generate=["echo/v1/echo.proto"],
    parameter="module=prebuilds.invalid/verify/clients",
    proto_file=descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes()).file,
)
for generator in ("protoc-gen-go", "protoc-gen-connect-go"):
    answer = subprocess.run(
        ["go", "tool", generator], cwd=folder, input=request.SerializeToString(), stdout=subprocess.PIPE, check=True
    )
    response = plugin_pb2.CodeGeneratorResponse.FromString(answer.stdout)
    assert not response.error, response.error
    for file in response.file:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
