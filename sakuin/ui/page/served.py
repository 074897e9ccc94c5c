"""The pages with the door before them, as `index ui` runs them: ``streamlit run served.py -- --index DIR``."""

import argparse
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from sakuin.ui.door import Door


def password_file() -> Path | None:
    """The file with the password, if one is asked for."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--password-file", type=Path)
    file: Path | None = parser.parse_known_args()[0].password_file
    return file


app = App(Path(__file__).with_name("app.py"), middleware=[Middleware(Door, password_file=password_file())])
