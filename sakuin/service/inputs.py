"""What clients of OpenAI's API send to be embedded: texts, or token ids of OpenAI's models, which are read as texts."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sakuin.service.refusals import Refusal

if TYPE_CHECKING:
    from tiktoken import Encoding

MAX_INPUTS = 2_048
MAX_CHARACTERS = 200_000
"""Of one input; tokenising a text of that length takes a fifth of a second."""

ENCODING = "cl100k_base"
"""Whose ids clients send: the tokenizer of all of OpenAI's embedding models."""

SEND_TEXTS = "with LangChain's OpenAIEmbeddings, by check_embedding_ctx_length=False"

Given = list[str | list[int]]


def given_inputs(given: Any) -> Given:
    """The inputs of a request, as a list; raises ValueError where they are none, or too many or too long."""
    inputs = given if isinstance(given, list) else [given]
    if not inputs:
        raise ValueError("The argument 'input' should be a text or a list of texts, with at least one.")
    if isinstance(given, list) and all(is_token(one) for one in inputs):
        return [inputs]
    if len(inputs) > MAX_INPUTS:
        raise ValueError(f"The argument 'input' has {len(inputs):,} texts: send at most {MAX_INPUTS:,} at a time.")
    if all(isinstance(one, list) and all(is_token(token) for token in one) for one in inputs):
        return inputs
    for i, text in enumerate(inputs):
        if not isinstance(text, str):
            raise ValueError(f"The argument 'input' should be a text or a list of texts; item {i} is neither.")
        require_short(i, text)
    return inputs


def is_token(value: Any) -> bool:
    """Whether a value can be the id of a token."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def require_short(i: int, text: str) -> None:
    """Raise ValueError where a text is longer than is embedded."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"The argument 'input' has a text of {len(text):,} characters, item {i}: send at most {MAX_CHARACTERS:,}."
        )


def texts_of(inputs: Sequence[str | list[int]]) -> list[str]:
    """The inputs as texts.

    Raises:
        Refusal: they are token ids, and tiktoken is not here to read them, or some are none of its.
    """
    return [one if isinstance(one, str) else decoded(i, one) for i, one in enumerate(inputs)]


def decoded(i: int, tokens: Sequence[int]) -> str:
    """The text that token ids stand for; raises Refusal as `texts_of`."""
    try:
        text: str = encoding().decode(list(tokens))
        require_short(i, text)
    except (KeyError, OverflowError):
        message = f"The argument 'input' has token ids that {ENCODING} does not have, item {i}: send texts instead, "
        raise Refusal(400, f"{message}{SEND_TEXTS}.", "unknown_tokens", "input") from None
    except ValueError as error:
        raise Refusal(400, str(error), param="input") from error
    return text


def encoding() -> "Encoding":
    """The tokenizer of OpenAI's embedding models; raises Refusal where it cannot be had."""
    found = loaded()
    if isinstance(found, str):
        message = f"The argument 'input' has token ids, {found}: send texts instead, {SEND_TEXTS}."
        raise Refusal(400, message, "tokens_not_supported", "input")
    return found


@cache
def loaded() -> "Encoding | str":
    """The tokenizer, or why there is none; asked for once, since fetching its table may take until a time-out."""
    try:
        import tiktoken

        encoding: Encoding = tiktoken.get_encoding(ENCODING)
    except ImportError:
        return "which need tiktoken to be read, and it is not installed beside this service"
    except Exception:
        # Its table is fetched when it is first used, and fails as whatever fetches it does.
        return f"and tiktoken cannot load its table {ENCODING}"
    return encoding
