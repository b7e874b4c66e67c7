#!/usr/bin/env bash
# wheel.sh BUILD VERSION: the Python package as BUILD/wheel/trommel-VERSION-cp39-abi3-PLATFORM.whl.
# One file for every Python from 3.9 on: the extension keeps to the stable ABI.  It carries the library, the
# worker, stages and sinks, which find each other by where they lie; what it needs of the system is what they need.
# Needs no network: /usr/bin/python3 with its headers, setuptools and wheel (`make deps`).
set -euo pipefail
build=$(realpath "$1") version=$2 python=${PYTHON:-/usr/bin/python3}
cd "$(dirname "$0")"
dir=$build/wheel
rm -rf "$dir"
mkdir -p "$dir/src/trommel/stage" "$dir/src/trommel/sink" "$dir/src/include"

cp setup.py pyproject.toml README.md "$dir/src"
cp -r src "$dir/src/src"
cp trommel/*.py trommel/*.pyi trommel/py.typed "$dir/src/trommel"
cp -rL ../../include/trommel "$dir/src/include/trommel"
# under the name that the extension will ask for
soname=$(readelf -d "$build/libtrommel.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
cp "$build/libtrommel.so" "$dir/src/trommel/${soname:-libtrommel.so}"
cp "$build/trommel-worker" "$dir/src/trommel"
cp "$build"/stage/*.so "$dir/src/trommel/stage"
cp "$build"/sink/*.so "$dir/src/trommel/sink"
find "$dir/src/trommel" -type f \( -name '*.so*' -o -name trommel-worker \) -exec strip --strip-unneeded {} +

cd "$dir/src"
export TROMMEL_VERSION=$version CC=${CC:-gcc}
"$python" -c "from setuptools import build_meta; build_meta.build_wheel('..')" >"$dir/log" 2>&1 || {
    tail -n 30 "$dir/log" >&2
    echo "wheel: setuptools could not build it; 'make deps' installs python3-dev, python3-setuptools, python3-wheel" >&2
    exit 3
}
[ -f "$(echo "$dir"/*.whl)" ] || { echo "wheel: $dir/log has why there is none" >&2; exit 3; }
rm -rf "$dir/src"
