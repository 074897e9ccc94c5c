"""The root of every error this software raises on purpose."""


class SakuinError(Exception):
    """Something the user can act on: the message says what happened, where, and what to do next."""
