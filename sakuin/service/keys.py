"""The keys that clients send, in a file that may change while the service runs."""

import hmac
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sakuin.files import state_of
from sakuin.service.served import ServiceError

Right = Literal["read", "write"]

FEWEST_CHARACTERS = 16

_logger = logging.getLogger("sakuin.service")


class Keys:
    """What each key allows; read again whenever the file changes. Used from one event loop."""

    def __init__(self, path: Path) -> None:
        """Read a file; raises ServiceError as `read_keys`."""
        self._path = path
        self._state = state_of(path)
        self._rights = read_keys(path)

    def right(self, given: str) -> Right | None:
        """What a key that a client sent allows; None where it is none of them."""
        self._refresh()
        found: Right | None = None
        # All are compared, and each in a time that tells nothing of how much of it is right.
        for key, right in self._rights.items():
            if hmac.compare_digest(given.encode(), key.encode()):
                found = right
        return found

    def _refresh(self) -> None:
        """Read the file again if it has changed; where it is unfit, the keys before stay."""
        if (state := state_of(self._path)) == self._state:
            return
        self._state = state
        try:
            self._rights = read_keys(self._path)
        except ServiceError as error:
            _logger.error("%s Until then the keys before are valid.", error)


def read_keys(path: Path) -> Mapping[str, Right]:
    """The keys in a file, one on each line, ``KEY`` or ``KEY read``.

    Raises:
        ServiceError: there is none, or one is short or cannot be sent in a header.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        detail = getattr(error, "strerror", None) or error
        raise ServiceError(f"The key in {path} cannot be read: {detail}.") from error
    found: dict[str, Right] = {}
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, *rights = line.split()
        if len(key) < FEWEST_CHARACTERS or not key.isascii() or not key.isprintable():
            raise unfit(path)
        if rights == ["read"]:
            found[key] = "read"
        elif rights in ([], ["write"]):
            found[key] = "write"
        else:
            raise unfit(path)
    if not found:
        raise unfit(path)
    return found


def unfit(path: Path) -> ServiceError:
    """Of a file that holds something else."""
    return ServiceError(
        f"The key in {path} must be one word of {FEWEST_CHARACTERS} ASCII characters or more; of several, one on each "
        f"line, and behind those that may only read the word `read`. Make one with: "
        f'python -c "import secrets; print(secrets.token_urlsafe())" >> {path}'
    )
