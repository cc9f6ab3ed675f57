"""Facts, each in one place: hardware, licences, threads. Plain tables without I/O."""
