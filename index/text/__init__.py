"""Text analysis: from texts to the terms that the keyword index counts, for passages and queries alike."""

from sakuin.index.text.analyser import MAX_TERM_CHARACTERS, Analyser
from sakuin.index.text.finder import TermFinder
from sakuin.index.text.japanese import is_japanese

__all__ = ["MAX_TERM_CHARACTERS", "Analyser", "TermFinder", "is_japanese"]
