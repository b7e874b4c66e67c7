#!/usr/bin/python3
"""Makes record.schema.json and the table in README.md from the rows of record.def.

    schemas/generate.py           writes both
    schemas/generate.py --check   writes nothing; status 1 if one of them is not what the rows say

The schema is of the JSON view: bytes are hex there.  Debian's python3, no packages.
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW = re.compile(r'^X\("([^"]+)", ([A-Z| ]+), (ALWAYS|MAYBE), "([^"]*)", "([^"]*)"\)$')
TYPES = {
    "NIL": {"type": "null"},
    "BOOL": {"type": "boolean"},
    "INT": {"type": "integer"},
    "NUM": {"type": "number"},
    "STR": {"type": "string"},
    "BIN": {"type": "string"},
    "ARR": {"type": "array"},
    "MAP": {"type": "object"},
}
WORDS = {"NIL": "nil", "BOOL": "boolean", "INT": "integer", "NUM": "number", "STR": "string", "BIN": "bytes", "ARR": "array", "MAP": "map"}
BEGIN, END = "<!-- rows of record.def -->", "<!-- end of the rows -->"


def rows():
    text = (HERE / "record.def").read_text()
    for number, line in enumerate(text[text.index("*/") + 3:].splitlines(), text[: text.index("*/")].count("\n") + 2):
        match = ROW.match(line)
        if not match:
            sys.exit(f"record.def:{number}: is no row: X(\"path\", TYPES, ALWAYS or MAYBE, \"note\", \"sentence\")")
        path, types, when, note, sentence = match.groups()
        types = types.split(" | ")
        unknown = [t for t in types if t not in TYPES]
        if unknown:
            sys.exit(f"record.def:{number}: {unknown[0]} is no type")
        yield path, types, when, note, sentence


def node_of(types, note, sentence):
    kinds = sorted({TYPES[t]["type"] for t in types})
    node = {"description": sentence + (f" ({note})" if note and "|" not in note else ""),
            "type": kinds[0] if len(kinds) == 1 else kinds}
    if "|" in note:
        node["enum"] = note.split("|")
    if note == "0..1":
        node.update(minimum=0, maximum=1)
    return node


def schema():
    top = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trommel record, JSON view",
        "description": "Made by generate.py from record.def.  Keys that are not named here may come at any time.",
        "type": "object",
    }
    nodes = {"": top}
    for path, types, when, note, sentence in rows():
        node = nodes[path] = node_of(types, note, sentence)
        if path.endswith("[]"):
            nodes[path[:-2]]["items"] = node
            continue
        parent, _, key = path.rpartition(".")
        if parent not in nodes:
            sys.exit(f"record.def: {path} comes before {parent}")
        if key == "*":
            nodes[parent]["additionalProperties"] = node
            continue
        nodes[parent].setdefault("properties", {})[key] = node
        if when == "ALWAYS":
            nodes[parent].setdefault("required", []).append(key)
    return json.dumps(top, indent=1, ensure_ascii=False) + "\n"


def table():
    lines = ["| field | type | | what |", "|---|---|---|---|"]
    for path, types, when, note, sentence in rows():
        kinds = ", ".join(WORDS[t] for t in types)
        note = note.replace("|", " ")
        lines.append(f"| `{path}` | {kinds} | {'always' if when == 'ALWAYS' else ''} | {sentence}{f' ({note})' if note else ''} |")
    return "\n".join(lines)


def readme():
    text = (HERE / "README.md").read_text()
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def main():
    stale = []
    for name, made in (("record.schema.json", schema()), ("README.md", readme())):
        path = HERE / name
        if path.exists() and path.read_text() == made:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(made)
    if "--check" in sys.argv and stale:
        sys.exit(f"schemas: {', '.join(stale)}: not what record.def says; run schemas/generate.py")


if __name__ == "__main__":
    main()
