"""From a model or a search to figures: tasks, metrics, significance, tables; see docs/evaluation.md."""
