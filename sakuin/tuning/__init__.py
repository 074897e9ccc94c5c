"""From judged queries of an index to its settings: metrics, significance, how the legs are best fused."""
