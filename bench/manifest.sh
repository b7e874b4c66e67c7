#!/usr/bin/env bash
# manifest.sh DATA [EVERY]: a manifest of the pages of a collection in WCXB's format, each with its URL where the
# truth names one; EVERY=10 takes a tenth.
set -euo pipefail
exec python3 - "$1" "${2:-1}" <<'PY'
import json, pathlib, sys
data, every = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
for i, page in enumerate(sorted((data / "html").glob("*.html.gz"))):
    if i % every:
        continue
    name = page.name.split(".")[0]
    truth = json.loads((data / "ground-truth" / (name + ".json")).read_text(encoding="utf-8"))
    row = {"id": name, "path": str(page)}
    if truth.get("url"):
        row["url"] = truth["url"]
    print(json.dumps(row))
PY
