"""What can go wrong when an index is taken elsewhere."""

from sakuin.errors import SakuinError


class ExportError(SakuinError):
    """An export that was asked for wrongly, or that the database or disk it goes to refused."""

    code = "export_failed"
