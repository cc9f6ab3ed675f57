"""What the tests that run in the inference interpreter share."""

from inference_fixtures import *  # noqa: F403
