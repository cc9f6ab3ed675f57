"""What runs inside the Space or the HF Job: the run's steps, its page and its mirror in the runs repo."""
