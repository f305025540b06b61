// protobuf-es of npm as a peer; the protocol is in src/peer.rs.
import { createFileRegistry, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

function chunk(bytes) {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  return [head, bytes];
}

function attempt(work) {
  try {
    return Buffer.concat([Buffer.from("+"), Buffer.from(work())]);
  } catch (error) {
    return Buffer.from(`-${error}`);
  }
}

function* chunks(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

function answer(registry, batch) {
  const answers = [];
  const parts = chunks(batch);
  for (let name = parts.next(); !name.done; name = parts.next()) {
    const schema = registry.getMessage(name.value.toString());
    const binary = parts.next().value;
    const text = parts.next().value.toString();
    answers.push(
      ...chunk(attempt(() => toJsonString(schema, fromBinary(schema, binary), { registry }))),
      ...chunk(attempt(() => toBinary(schema, fromJsonString(schema, text, { registry })))),
    );
  }
  return Buffer.concat(answers);
}

let registry;
let pending = [];
let size = 0;
for await (const data of process.stdin) {
  pending.push(data);
  size += data.length;
  for (;;) {
    if (size < 4) break;
    if (pending[0].length < 4) pending = [Buffer.concat(pending)];
    const end = 4 + pending[0].readUInt32LE(0);
    if (size < end) break;
    const all = Buffer.concat(pending);
    const body = all.subarray(4, end);
    pending = [all.subarray(end)];
    size -= end;
    if (registry === undefined) {
      registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, body));
    } else {
      process.stdout.write(Buffer.concat(chunk(answer(registry, body))));
    }
  }
}
