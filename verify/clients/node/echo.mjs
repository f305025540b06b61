// What the two JavaScript peers share: the schema without generated code, and the cases of one
// transport. Runs in Node and in the browser.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

const BINARY = new Uint8Array([0, 1, 255]);
const SMALLEST = -(2n ** 63n);

export function loadSchema(descriptors) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const detail = registry.getMessage("echo.v1.ErrorDetail");
  return { service: registry.getService("echo.v1.EchoService"), detail };
}

function same(what, is, shall) {
  const text = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v));
  if (text(is) !== text(shall)) throw new Error(`${what} is ${text(is)}, not ${text(shall)}`);
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it did not fail");
}

function isError(schema, error, code, message, reason) {
  same("code", Code[error.code], Code[code]);
  same("message", error.rawMessage, message);
  same("details", error.findDetails(schema.detail).map((detail) => detail.reason), [reason]);
}

async function received(stream) {
  const values = [];
  for await (const { value } of stream) values.push(Number(value));
  return values;
}

async function* numbers(...values) {
  for (const value of values) yield { value: BigInt(value) };
}

// The cases by name. `abilities`: requestStreams, bidi, get, gzip (of requests), trailers.
function cases(schema, transport, abilities) {
  const client = createClient(schema.service, transport);
  const text = "grüße".repeat(2000);
  const all = {
    async unary() {
      const response = await client.echo({ text, data: BINARY, number: SMALLEST });
      same("text", response.text, text);
      same("data", [...response.data], [...BINARY]);
      same("number", response.number, SMALLEST);
    },
    async metadata() {
      const headers = new Headers([["x-echo", "one"], ["x-echo", "two"], ["x-echo-bin", "AAH/"]]);
      let leading, trailing;
      await client.echo({}, { headers, onHeader: (h) => (leading = h), onTrailer: (t) => (trailing = t) });
      for (const [metadata, name] of [[leading, "x-echo"], [trailing, "x-trailer"]]) {
        same(name, metadata.get(name), "one, two");
        same(`${name}-bin`, metadata.get(`${name}-bin`)?.replace(/=*$/, ""), "AAH/");
      }
    },
    async error() {
      const message = "no: 100% ünsure";
      const request = { code: Code.FailedPrecondition, message, detail: { reason: "too late" } };
      isError(schema, await failure(() => client.fail(request)), Code.FailedPrecondition, message, "too late");
    },
    async deadline() {
      const { timeoutMs } = await client.echo({}, { timeoutMs: 50_000 });
      if (timeoutMs < 40_000n || timeoutMs > 50_000n) throw new Error(`the server saw ${timeoutMs} ms, not 50 s`);
      same("code", (await failure(() => client.wait({}, { timeoutMs: 200 }))).code, Code.DeadlineExceeded);
    },
    async "server stream"() {
      same("messages", await received(client.count({ to: 3n })), [1, 2, 3]);
    },
    async "stream error"() {
      const values = [];
      const error = await failure(async () => {
        for await (const { value } of client.count({ to: 2n, fail: true })) values.push(Number(value));
      });
      same("messages", values, [1, 2]);
      isError(schema, error, Code.Aborted, "counted enough", "asked for");
    },
  };
  if (abilities.gzip) {
    all.gzip = async () => {
      let leading;
      same("text", (await client.echo({ text }, { onHeader: (h) => (leading = h) })).text, text);
      same("the request's encoding", leading.get("x-request-encoding"), "gzip");
    };
  }
  if (abilities.requestStreams) {
    all["client stream"] = async () => same("sum", Number((await client.sum(numbers(1, 2, 3, 4))).value), 10);
  }
  if (abilities.bidi) {
    all.bidi = async () => {
      // Each number is sent when the double of the one before has come.
      let next;
      const turn = () => new Promise((resolve) => (next = resolve));
      async function* requests() {
        for (const value of [1n, 2n, 3n]) {
          const answered = turn();
          yield { value };
          await answered;
        }
      }
      const doubles = [];
      for await (const { value } of client.double(requests())) {
        doubles.push(Number(value));
        next();
      }
      same("messages", doubles, [2, 4, 6]);
    };
  }
  if (abilities.get) {
    all.get = async () => {
      let leading;
      same("text", (await client.read({ text: "got" }, { onHeader: (h) => (leading = h) })).text, "got");
      same("method", leading.get("x-http-method"), "GET");
    };
  }
  return all;
}

// The lines of the report of one transport: protocol, case, and `ok` or what went wrong, between tabs.
export async function report(protocol, schema, transport, abilities) {
  const lines = [];
  for (const [name, run] of Object.entries(cases(schema, transport, abilities))) {
    let said = "ok";
    try {
      await run();
    } catch (error) {
      said = `FAILED ${error}`.replace(/[\n\t]/g, " ");
    }
    lines.push(`${protocol}\t${name}\t${said}`);
  }
  return lines;
}
