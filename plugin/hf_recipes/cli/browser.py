"""A person's browser."""

from __future__ import annotations

import os
import sys

import click

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_in_browser(address: str) -> None:
    """Does nothing on a Linux without a screen, such as a server or a container: there xdg-open prints a page of errors."""
    if sys.platform != "linux" or any(os.environ.get(name) for name in SCREENS):
        click.launch(address)
