"""From a model or a search to figures: tasks, metrics, tables."""
