"""What is wrong with arguments that programs send, in words: those of pydantic are for who wrote the models."""

from collections.abc import Mapping
from typing import Any

from sakuin.embedder.tokenising import replace_lone_surrogates

ERRORS_SHOWN = 3
"""Of a body that is wrong in many ways."""

NAME_CHARACTERS = 100
"""Of the name of a field that somebody made up."""


def field_of(error: Mapping[str, Any]) -> str:
    """The argument that pydantic found fault with, "" where it is the body as a whole.

    Args:
        error: Of `ValidationError.errors`; the first part of its ``loc`` says where arguments stand.
    """
    _, *path = error["loc"]
    return (
        "" if error["type"] == "json_invalid" else replace_lone_surrogates(".".join(map(str, path)))[:NAME_CHARACTERS]
    )


def sentence(error: Mapping[str, Any], listed: str) -> str:
    """What pydantic found fault with, for people.

    Args:
        error: As in `field_of`.
        listed: Where it says which arguments there are.
    """
    name = repr(field) if (field := field_of(error)) else "the body"
    if error["type"] == "json_invalid":
        return f"The body is not JSON: {error['ctx']['error']} at character {error['loc'][1]}."
    if error["type"] == "missing":
        return f"The argument {name} is missing." if field else "The body is empty: send a JSON object."
    if error["type"] == "extra_forbidden":
        return f"There is no argument {name}: {listed}."
    if error["type"] == "value_error":
        return replace_lone_surrogates(str(error["ctx"]["error"]))
    if not field:
        return "The body should be a JSON object."
    return f"The argument {name} {error['msg'].removeprefix('Input ').removeprefix('String ')}."
