"""How the tests see the app: as Streamlit draws it without a browser."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.examples import ROOT


def run_app(monkeypatch: pytest.MonkeyPatch, folder: Path, **query: str) -> AppTest:
    """The search page of an index, as Streamlit would draw it."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--index", str(folder)])
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def html_of(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html") if not element.proto.body.startswith("<style"))
