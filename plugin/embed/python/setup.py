"""Packs the folder that wheel.sh lays together: trommel/ with the library in it, src/, include/."""

import os

from setuptools import Extension, setup

here = os.path.dirname(os.path.abspath(__file__))
native = [
    os.path.relpath(os.path.join(folder, name), os.path.join(here, "trommel"))
    for folder, _, names in os.walk(os.path.join(here, "trommel"))
    for name in names
    if name.endswith((".so", ".so.0", "trommel-worker"))
]
if "trommel-worker" not in native:
    raise SystemExit("setup.py: the library is not here; build the wheel with `make wheel` in the top folder")
library = next(name for name in native if name.startswith("libtrommel.so"))

setup(
    name="trommel",
    version=os.environ["TROMMEL_VERSION"],
    description="A scraping pipeline: HTML in, a record of text, metadata and links out",
    long_description=open(os.path.join(here, "README.md"), encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9",
    classifiers=[
        "Programming Language :: Python :: 3",
        "Operating System :: POSIX :: Linux",
        "Typing :: Typed",
        "Framework :: Scrapy",
        "License :: OSI Approved :: MIT License",
    ],
    packages=["trommel"],
    package_data={"trommel": ["py.typed", "*.pyi", *native]},
    ext_modules=[
        Extension(
            "trommel._core",
            sources=["src/change.c", "src/core.c", "src/decode.c", "src/lines.c", "src/options.c"],
            include_dirs=["include"],
            extra_compile_args=["-std=gnu17", "-fvisibility=hidden"],
            extra_objects=[os.path.join("trommel", library)],
            extra_link_args=["-Wl,-s", "-Wl,-rpath,$ORIGIN", "-Wl,-z,now"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
    zip_safe=False,
)
