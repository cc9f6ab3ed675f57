"""A run's model on the Hub: its card, the files that go with it, and the push in one commit."""
