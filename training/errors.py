"""Errors of the training commands."""

from sakuin.embedder.errors import SakuinError


class TrainingError(SakuinError):
    """A recipe, a source of pairs or a checkpoint that cannot be used."""
