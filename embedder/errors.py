"""Errors of models."""

from sakuin.errors import SakuinError


class ModelError(SakuinError):
    """A model folder or hub name that cannot be loaded or saved."""

    code = "model_unavailable"
