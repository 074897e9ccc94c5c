"""The service of an index over HTTP."""
