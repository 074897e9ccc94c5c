"""What is compiled; everything else is in pyproject.toml, where setuptools calls extensions experimental."""

from pathlib import Path

from setuptools import Extension, setup


def compiled(module: str, *sources: str) -> Extension:
    """Without a compiler the package installs all the same, and is slower."""
    # Results are those of the code without it, to the last bit: no sum may be contracted that is not written so.
    flags = ["-O3", "-ffp-contract=off", "-fno-math-errno"]
    headers = [*map(str, Path(sources[0]).parent.glob("*.h"))]
    return Extension(module, [*sources], depends=headers, extra_compile_args=flags, py_limited_api=True, optional=True)


setup(
    ext_modules=[
        compiled("sakuin.embedder.native", "embedder/native.c"),
        compiled("sakuin.index.text.native", "index/text/native.c", "index/text/lattice.c"),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
