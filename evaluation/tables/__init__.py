"""Results that were measured before: published tables and users' own, as CSV files, plain or gzip."""
