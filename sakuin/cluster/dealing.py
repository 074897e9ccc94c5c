"""Which shard a document belongs to."""

import re
from hashlib import blake2b

# What parts the name of a file from that of a document in it, and that of an archive from its members'.
_INSIDE = re.compile("#|!/")


def home(name: str, shards: int) -> int:
    """The shard of a document by its id, or of a file by its name: the same for a file and for all that is in it.

    What follows the first ``#`` or ``!/`` of an id does not count, so ids that differ only there share a shard.

    Args:
        name: Id of the document, or uri of the file.
        shards: How many there are.

    Returns:
        0 to ``shards`` - 1.
    """
    key = _INSIDE.split(name, maxsplit=1)[0]
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % shards
