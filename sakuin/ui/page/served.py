"""The pages with the door before them, as `index ui` runs them: ``streamlit run served.py -- --index DIR``."""

import argparse
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import get_option
from streamlit.starlette import App

from sakuin.index import DEFAULT_INDEX
from sakuin.ui import originals
from sakuin.ui.door import Door
from sakuin.ui.login import Login


def given() -> argparse.Namespace:
    """What of the command line is not for the pages alone."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--index", action="append", type=Path)
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--login", type=Path)
    return parser.parse_known_args()[0]


def door() -> Middleware:
    """What asks for a password or a login, if anything does."""
    asked = given()
    return Middleware(Door, password_file=asked.password_file, login=Login(asked.login) if asked.login else None)


def files() -> list[Route]:
    """What gives out the files of documents, to those to whom Streamlit gives the pages."""
    return originals.routes(given().index or [Path(DEFAULT_INDEX)], get_option("server.allowedHosts"))


# Streamlit looks for these very words, and would serve the bare pages without the door if they stood in a function.
app = App(Path(__file__).with_name("app.py"), routes=files(), middleware=[door()])
