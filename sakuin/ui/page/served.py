"""The pages with the door before them, as `index ui` runs them: ``streamlit run served.py -- --index DIR``."""

import argparse
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from sakuin.ui.door import Door
from sakuin.ui.login import Login


def door() -> Middleware:
    """What asks for a password or a login, if anything does."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--login", type=Path)
    given = parser.parse_known_args()[0]
    return Middleware(Door, password_file=given.password_file, login=Login(given.login) if given.login else None)


app = App(Path(__file__).with_name("app.py"), middleware=[door()])
