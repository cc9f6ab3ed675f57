"""Rows out of files, checked, converted and written as the trainer reads them."""
