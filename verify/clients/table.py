"""Prints the cases of all peers as a table, and fails if one of them failed.

The file has one line per case: peer, protocol, case, outcome, between tabs.
"""

import sys
from pathlib import Path

rows, failures, total = {}, [], 0
for line in Path(sys.argv[1]).read_text().splitlines():
    peer, protocol, case, outcome = line.split("\t")
    total += 1
    passed = rows.setdefault((peer, protocol), [])
    if outcome == "ok":
        passed.append(case)
    else:
        failures.append(f"{peer}, {protocol}, {case}: {outcome}")

widths = [max([len(key[column]) for key in rows] + [8]) for column in (0, 1)]
for (peer, protocol), cases in [(("peer", "protocol"), ["passed"]), *rows.items()]:
    print(f"{peer:{widths[0]}}  {protocol:{widths[1]}}  {', '.join(cases) or '-'}")
for failure in failures:
    print(failure)
print(f"clients: {total - len(failures)} passed, {len(failures)} failed")
sys.exit(bool(failures) or not total)
