"""Writes the table of docs/json-edge-values.md from edges.txt, with what each implementation does.

usage: edges.py TABLE OURS GO [--write]

OURS and GO are programs that answer lines; google.protobuf runs in this process. Without --write,
a table that is not as it would be written is a failure. So is an outcome of ours that the
specification forbids.
"""

import difflib
import pathlib
import subprocess
import sys

from google.protobuf import duration_pb2, json_format, timestamp_pb2

HERE = pathlib.Path(__file__).parent
HEAD = """# JSON at the edges of Duration and Timestamp

What `pbjson-wkt` reads and prints, beside `protojson` of Go's google.golang.org/protobuf and
`json_format` of PyPI's google.protobuf, whose messages are upb's (the C core that C++'s team keeps)
and whose JSON is written in Python. Written by `verify/json/run edges`, which runs all three, and
checked by `verify/json/run`: do not edit.

A cell has what is printed for the message that was read, or `refused`. Where another
implementation does something else, it is in bold. The last column is what the
[ProtoJSON specification](https://protobuf.dev/programming-guides/json/), `duration.proto`,
`timestamp.proto` and [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6) say;
`open` means that they leave it to us: then we refuse, but for a leading `+`, which the public API's
documentation has, leading zeros, and years that are in range in UTC.
"""


def rows():
    for line in (HERE / "edges.txt").read_text().splitlines():
        if not line.startswith("#"):
            kind, text, words = line.split("\t")
            yield kind, text, words


def program(path, cases):
    lines = "".join(f"{kind}\t{text}\n" for kind, text, _ in cases)
    answer = subprocess.run([path], input=lines, capture_output=True, text=True)
    sys.stderr.write(answer.stderr)
    answer.check_returncode()
    return answer.stdout.splitlines()


def python(cases):
    for kind, text, _ in cases:
        message = duration_pb2.Duration() if kind == "Duration" else timestamp_pb2.Timestamp()
        try:
            yield json_format.MessageToJson(json_format.Parse(text, message))
        except Exception:  # It raises what it likes, ValueError among them.
            yield "refused"


def code(text):
    return text if text == "refused" else f"`{text}`"


def table(cases):
    ours, go, others = program(sys.argv[2], cases), program(sys.argv[3], cases), list(python(cases))
    kinds = dict.fromkeys(kind for kind, _, _ in cases)
    wrong, out = [], [HEAD]
    for wanted in kinds:
        out.append(f"## {wanted}\n\n| JSON | ours | Go | Python | the specification |")
        out.append("|---|---|---|---|---|")
        for (kind, text, words), us, *them in zip(cases, ours, go, others, strict=True):
            if kind != wanted:
                continue
            cells = [code(each) if each == us else f"**{code(each)}**" for each in them]
            out.append(f"| {code(text)} | {code(us)} | {' | '.join(cells)} | {words} |")
            if words.startswith("accepted" if us == "refused" else "refused"):
                wrong.append(f"{kind} {text}: ours is {us}, but {words}")
        out.append("")
    return "\n".join(out), wrong


def main():
    path = pathlib.Path(sys.argv[1])
    cases = list(rows())
    text, wrong = table(cases)
    for line in wrong:
        print(line)
    if "--write" in sys.argv:
        path.write_text(text)
    old = path.read_text() if path.exists() else ""
    lines = [each.splitlines() for each in (old, text)]
    for line in difflib.unified_diff(*lines, str(path), "as it is now", lineterm="", n=0):
        print(line)
    if wrong or old != text:
        sys.exit("the table of edge values is not right: see above, and verify/json/run edges")
    print(f"json edge values: {len(cases)} rows as in {path.name}")


main()
