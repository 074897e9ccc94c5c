"""Errors of clusters."""

from sakuin.errors import SakuinError


class ClusterError(SakuinError):
    """A cluster that cannot be opened, changed or asked."""

    code = "cluster_unavailable"
