from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_installed_components() -> Iterator[None]:
    """Keep AppTest from reading the metadata of every installed package, each time, for elements that pages lack."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield
