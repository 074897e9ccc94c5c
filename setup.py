"""The compiled core; everything else is in pyproject.toml, where setuptools calls extensions experimental."""

from setuptools import Extension, setup

core = Extension(
    "sakuin.embedder.native",
    ["embedder/native.c"],
    # Results are those of the code without it, to the last bit: no sum may be contracted that is not written so.
    extra_compile_args=["-O3", "-ffp-contract=off", "-fno-math-errno"],
    py_limited_api=True,
    # Without a compiler the package installs all the same, and is slower.
    optional=True,
)
setup(ext_modules=[core], options={"bdist_wheel": {"py_limited_api": "cp311"}})
