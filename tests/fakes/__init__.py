"""An engine, an engine that gives an endpoint, and a backend: one folder each, as an engine or a backend of ours is."""
