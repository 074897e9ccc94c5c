"""From pairs of texts to a static embedding model: tokenizer, samplers, losses, trainer."""
