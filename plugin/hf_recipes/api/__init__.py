"""The floor that joins the rooms: what the commands, the tests, notebooks and other programs call.

`lifecycle` is one run from its recipe to its end; `batch` several of them; the others are one command's work each.
"""
