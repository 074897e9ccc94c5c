"""What goes wrong where something is measured."""

from sakuin.errors import SakuinError


class EvaluationError(SakuinError):
    """A task, a model or judged queries that nothing can be measured with."""

    code = "evaluation_failed"
