// What runs in the browser: the cases over both transports of @connectrpc/connect-web.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { loadSchema, report } from "../node/echo.mjs";

globalThis.run = async (baseUrl) => {
  const schema = loadSchema(new Uint8Array(await (await fetch("/descriptors")).arrayBuffer()));
  return [
    ...(await report("connect", schema, createConnectTransport({ baseUrl, useHttpGet: true }), { get: true })),
    ...(await report("connect proto", schema, createConnectTransport({ baseUrl, useBinaryFormat: true }), {})),
    ...(await report("grpc-web", schema, createGrpcWebTransport({ baseUrl }), {})),
  ];
};
