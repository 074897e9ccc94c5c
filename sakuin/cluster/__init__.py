"""One index in many shards, each an ordinary index: built, changed and searched on several machines as on one."""
