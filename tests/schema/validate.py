#!/usr/bin/python3
"""Validates records (JSON lines, on standard input or in files) against schemas/record.schema.json.

    tests/schema/validate.py [FILE...]

Names each record that is invalid (file, line, id, field, why), prints `N valid, N invalid`; status 1 if any is
invalid or there is none.  Wants python3-jsonschema.
"""
import json
import pathlib
import sys

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "schemas/record.schema.json"
SHOWN = 20


def lines():
    if len(sys.argv) < 2:
        yield from (("standard input", n, line) for n, line in enumerate(sys.stdin.buffer, 1))
    for name in sys.argv[1:]:
        with open(name, "rb") as f:
            yield from ((name, n, line) for n, line in enumerate(f, 1))


def why_not(validator, line):
    try:
        record = json.loads(line)
    except ValueError as e:
        return f"is no JSON: {e}"
    error = next(validator.iter_errors(record), None)
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path)) or "the record"
    ident = record.get("id") if isinstance(record, dict) else None
    return f"id {ident}: {where}: {error.message[:300]}"


def main():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    valid = invalid = 0
    for name, number, line in lines():
        why = why_not(validator, line)
        if why is None:
            valid += 1
            continue
        invalid += 1
        if invalid <= SHOWN:
            print(f"{name}:{number}: {why}", file=sys.stderr)
    print(f"{valid} valid, {invalid} invalid")
    sys.exit(1 if invalid or not valid else 0)


if __name__ == "__main__":
    main()
