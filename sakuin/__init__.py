"""Search over one's own Japanese and English documents, fast on an ordinary CPU, that shows why one matched."""
