"""Writes the table of docs/json-edge-values.md from edges.txt, with what each implementation does.

OURS, GO and the program of --cpp answer lines; google.protobuf runs in this process. Without
--write, a table that is not as it would be written is a failure. So is an outcome of ours that the
specification forbids. Without --cpp, the column of C++ is taken from the table as it is.
"""

import argparse
import difflib
import pathlib
import subprocess
import sys

from google.protobuf import duration_pb2, json_format, timestamp_pb2

HERE = pathlib.Path(__file__).parent
HEAD = """# JSON at the edges of Duration and Timestamp

What `pbjson-wkt` reads and prints, beside `protojson` of Go's google.golang.org/protobuf,
`JsonStringToMessage` and `MessageToJsonString` of protobuf C++ {cpp} (of Debian 12; later releases
read JSON with other code, `google/protobuf/json`), and `json_format` of PyPI's google.protobuf,
which is written in Python. Written by `verify/json/run edges`, which runs all four, and checked by
`verify/json/run`, where the column of C++ is compared if that release is installed: do not edit.

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


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("ours")
    parser.add_argument("go")
    parser.add_argument("--cpp", help="a program with protobuf C++ of --cpp-release")
    parser.add_argument("--cpp-release", required=True, help="the one that the table names")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


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


def column(text, heading, cases):
    """What a table has in the column of that heading; nothing where it has no such cell."""
    cells, kind, at = {}, None, None
    for line in text.splitlines():
        row = line.strip("| ").split(" | ")
        if line.startswith("## "):
            kind, at = line.removeprefix("## "), None
        elif heading in row:
            at = row.index(heading)
        elif at is not None and at < len(row):
            cells[kind, row[0]] = row[at].strip("*").strip("`")
    return [cells.get((kind, code(text)), "") for kind, text, _ in cases]


def table(cases, others, release):
    """The text, and where ours is not what the specification says. `others` begins with ours."""
    kinds = dict.fromkeys(kind for kind, _, _ in cases)
    wrong, out = [], [HEAD.format(cpp=release)]
    for wanted in kinds:
        headings = ["JSON", *others, "the specification"]
        out.append(f"## {wanted}\n\n| {' | '.join(headings)} |")
        out.append("|---" * len(headings) + "|")
        for (kind, text, words), us, *them in zip(cases, *others.values(), strict=True):
            if kind != wanted:
                continue
            cells = [code(each) if each == us else f"**{code(each)}**" for each in them]
            out.append(f"| {code(text)} | {code(us)} | {' | '.join(cells)} | {words} |")
            if words.startswith("accepted" if us == "refused" else "refused"):
                wrong.append(f"{kind} {text}: ours is {us}, but {words}")
        out.append("")
    return "\n".join(out), wrong


def main():
    given = arguments()
    if given.write and not given.cpp:
        sys.exit(f"the table can only be written with protobuf C++ {given.cpp_release}")
    path = given.table
    cases = list(rows())
    old = path.read_text() if path.exists() else ""
    others = {
        "ours": program(given.ours, cases),
        "Go": program(given.go, cases),
        "C++": program(given.cpp, cases) if given.cpp else column(old, "C++", cases),
        "Python": list(python(cases)),
    }
    text, wrong = table(cases, others, given.cpp_release)
    for line in wrong:
        print(line)
    if given.write:
        path.write_text(text)
        old = text
    lines = [each.splitlines() for each in (old, text)]
    for line in difflib.unified_diff(*lines, str(path), "as it is now", lineterm="", n=0):
        print(line)
    if wrong or old != text:
        sys.exit("the table of edge values is not right: see above, and verify/json/run edges")
    print(f"json edge values: {len(cases)} rows as in {path.name}"
          f"{'' if given.cpp else ', but for the column of C++'}")


main()
