"""Untrusted SQL queries, run in a separate process: read-only, with limits on time, memory and size."""
