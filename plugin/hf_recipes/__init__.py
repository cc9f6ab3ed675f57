"""hf-recipes: one YAML recipe becomes an AutoTrain job, a measured model and a page beside its base."""

__version__ = "0.1.0"
