"""An index in PostgreSQL with pgvector: written, kept up to date, and searched with the same hits."""
