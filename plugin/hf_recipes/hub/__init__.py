"""The Hub's client: the account, prices and errors; `publish/` pushes a model with its card, `compare_space/` the page."""
