"""An index in databases and search engines of others: PostgreSQL, and those that read Parquet."""
