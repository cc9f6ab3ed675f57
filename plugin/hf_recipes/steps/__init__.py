"""What a run does in the inference interpreter: each step is started with `python -m` and told the run's folder.

`prepare/` makes rows of files and checks them, `answer/` lets base and fine-tuned answer the test rows, `verify` loads what was
trained.
"""
