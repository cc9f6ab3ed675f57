"""Spaces and HF Jobs: `submit` starts a run there, `monitor` looks after it from here, `outcome` judges how it ended,
`container/` is what happens inside it.
"""
