// @connectrpc/connect-node with its three transports: `cases.mjs URL DESCRIPTORS`.

import { readFileSync } from "node:fs";
import { compressionGzip, createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { loadSchema, report } from "../node/echo.mjs";

const [url, descriptors] = process.argv.slice(2);
const schema = loadSchema(readFileSync(descriptors));
const gzip = { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 1024 };
const lines = [];
for (const [protocol, create, httpVersion, options] of [
  ["connect h1", createConnectTransport, "1.1", {}],
  ["connect h2", createConnectTransport, "2", {}],
  ["connect json h1", createConnectTransport, "1.1", { useBinaryFormat: false }],
  ["connect json h2", createConnectTransport, "2", { useBinaryFormat: false }],
  ["grpc h2", createGrpcTransport, "2", {}],
  ["grpc-web h1", createGrpcWebTransport, "1.1", {}],
  ["grpc-web h2", createGrpcWebTransport, "2", {}],
]) {
  const connect = create === createConnectTransport;
  const transport = create({ baseUrl: url, httpVersion, useHttpGet: connect, ...gzip, ...options });
  const abilities = { requestStreams: true, bidi: httpVersion === "2", get: connect, gzip: true };
  lines.push(...(await report(protocol, schema, transport, abilities)));
}
process.stdout.write(lines.join("\n") + "\n", () => {
  process.exit(lines.some((line) => line.includes("\tFAILED")) ? 1 : 0);
});
