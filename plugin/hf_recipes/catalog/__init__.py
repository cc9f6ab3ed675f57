"""Facts, each said once: hardware, licences, threads. Pure tables; they ask nobody."""
