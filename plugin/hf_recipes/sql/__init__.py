"""Queries that somebody else wrote, run in a process of their own: read-only, and bounded in time, memory and size."""
