"""What went wrong with the Hub, in one sentence that says what to do; and trying again where that helps."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hf_recipes.runner.redaction import Redactor

T = TypeVar("T")

LOGIN = "type: hf auth login"
TRANSIENT = ("rate_limited", "hub_failed", "unreachable")
"""The reasons that may pass by themselves."""
RETRIES, LONGEST_WAIT = 5, 120.0


class HubFailed(Exception):
    """The Hub did not do what was asked. The message is one sentence with what to do, and never holds a token.

    `reason` is not_logged_in, token_invalid, forbidden, gated, not_found, no_credit, no_plan, no_room, conflict, rate_limited,
    hub_failed, unreachable, offline or refused; who raises it for a cause of its own adds a word of its own.
    """

    def __init__(
        self, reason: str, message: str, *, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason, self.status = reason, status
        self.wait = wait
        """Seconds that the Hub asked to wait."""

    @property
    def transient(self) -> bool:
        return self.reason in TRANSIENT


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """What the Hub's client raises inside becomes HubFailed: `with hub_errors("creating the Space ada/x"):`. Others pass."""
    try:
        yield
    except Exception as error:
        if isinstance(error, HubFailed) or not of_the_hub(error):
            raise
        raise explain_hub_error(error, doing) from error


def retrying(
    call: Callable[[], T],
    *,
    tries: int = RETRIES,
    longest: float = LONGEST_WAIT,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The result of a call that may be repeated without harm, tried again while what stops it may pass.

    Waits as long as the Hub asks, `longest` seconds in all; raises what the last try raised.
    """
    waited, pause = 0.0, 1.0
    for left in range(tries - 1, -1, -1):
        try:
            return call()
        except Exception as error:
            failure = (
                error
                if isinstance(error, HubFailed)
                else explain_hub_error(error, "")
                if of_the_hub(error)
                else None
            )
            wait = pause if failure is None or failure.wait is None else failure.wait
            if failure is None or not failure.transient or not left or waited + wait > longest:
                raise
        sleep(wait)
        waited, pause = waited + wait, min(pause * 2, 20.0)
    raise AssertionError("tries must be at least 1")


def of_the_hub(error: BaseException) -> bool:
    """Whether it tells of the Hub or the way there; anything else is another's mistake."""
    return _reason(error) is not None


def explain_hub_error(error: Exception, doing: str) -> HubFailed:
    """`doing` says what was tried: "creating the Space ada/x"."""
    status = _status(error)
    reason = _reason(error) or "hub_failed"
    wait = _wait(error) if reason in ("rate_limited", "hub_failed") else None
    sentence = _sentence(reason, error, status, wait)
    return HubFailed(reason, clean(f"{doing}: {sentence}" if doing else sentence), status=status, wait=wait)


def words_of(failure: HubFailed) -> str:
    """What the Hub itself said, after a colon; empty where it said nothing."""
    return clean(f".{_said(failure.__cause__)}")[1:] if failure.__cause__ else ""


def clean(text: str) -> str:
    """As one line without a secret in it: not the values of the usual variables, nothing that looks like a token."""
    return " ".join(Redactor((), os.environ)(text).split())


BY_STATUS = {401: "token_invalid", 402: "no_credit", 403: "forbidden", 404: "not_found", 409: "conflict", 412: "conflict"}  # fmt: skip
BY_WORDS = (
    ("no_room", re.compile(r"\bstorage\b", re.IGNORECASE)),
    ("no_credit", re.compile(r"payment method|\bbilling\b|\bcredits?\b", re.IGNORECASE)),
    ("no_plan", re.compile(r"\bsubscri|\bPRO\b|\bpaid plan\b|\bupgrade your plan\b")),
)
"""With a 402 or a 403 the Hub also speaks of what no other token would change: its words tell. The first that fits counts."""
RATE_LIMIT = re.compile(r"r\s*=\s*(?P<left>\d+)\s*;\s*t\s*=\s*(?P<wait>\d+)")
PASSING = (408, 500, 502, 503, 504)
BY_NAME = {
    "LocalTokenNotFoundError": "not_logged_in",
    "DeviceCodeError": "token_invalid",
    "OIDCError": "token_invalid",
    "GatedRepoError": "gated",
    "OfflineModeIsEnabled": "offline",
    "HFValidationError": "refused",
    "XetAuthenticationError": "forbidden",
    # httpx's and httpx2's, whichever the installed huggingface_hub uses.
    "TransportError": "unreachable",
    "InvalidURL": "refused",
}


def _reason(error: BaseException) -> str | None:
    if (inner := _inner(error)) is not error:
        return _reason(inner) or "unreachable"
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, reason in BY_NAME.items():
        if name in names:
            return reason
    status = _status(error)
    if status is not None:
        # Without any token the Hub says 401 to everything that is not public.
        if status == 401 and not _with_token(error):
            return "not_logged_in"
        if status == 429:
            return "rate_limited"
        if status in PASSING or status >= 500:
            return "hub_failed"
        if status in (402, 403) and (told := _by_words(error)):
            return told
        return BY_STATUS.get(status, "refused")
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "unreachable"
    # hf_xet and the upload of large files have no errors of their own.
    if isinstance(error, RuntimeError) and _in_client(error):
        return "unreachable"
    if isinstance(error, ValueError) and _in_client(error):
        return _of_value(error)
    return None


def _by_words(error: BaseException) -> str | None:
    words = _said(error)
    return next((reason for reason, form in BY_WORDS if form.search(words)), None)


def _of_value(error: ValueError) -> str | None:
    """The client's own ValueErrors: most are mistakes of who calls it, and no word on the Hub."""
    if str(error).startswith("Invalid metadata in README.md"):
        return "refused"
    # What should be JSON is a page that says that something is down.
    page = type(error).__name__ == "JSONDecodeError"
    return "hub_failed" if page or str(error).startswith("LFS batch API") else None


NO_CREDIT = "your account has no credit for it; add some at huggingface.co/settings/billing"
GATED_SWITCH = re.compile(r"gated repositories in your fine-grained token", re.IGNORECASE)


def _sentence(reason: str, error: Exception, status: int | None, wait: float | None) -> str:
    said = _said(error)
    later = f"in {wait:.0f} s" if wait is not None else "in a few minutes"
    if reason == "forbidden" and GATED_SWITCH.search(said):
        return "your fine-grained token may not read gated repos; turn that on for it at huggingface.co/settings/tokens"
    if reason == "forbidden":
        return f"your token may not do this{said}; make one with write access at huggingface.co/settings/tokens, then {LOGIN}"
    if reason == "no_credit" and said and "billing" not in said:
        return f"{NO_CREDIT} (the Hub says{said})"
    if reason == "no_plan":
        return f"your account's plan does not allow it{said}"
    if reason == "no_room":
        return f"there is no room for it in your account{said}; see huggingface.co/settings/billing"
    if reason == "gated":
        return "access is granted on request; ask for it on the model's page, then try again"
    if reason == "hub_failed":
        return f"the Hub has a problem of its own ({status or 'upload refused'}{said}); try again {later}"
    if reason == "refused":
        return f"the Hub refuses it{f' ({status})' if status else ''}{said or ': ' + str(error)}"
    return {
        "not_logged_in": f"you are not logged in to Hugging Face; {LOGIN}",
        "token_invalid": f"Hugging Face does not accept your token; {LOGIN} (HF_TOKEN, where it is set, comes first)",
        "not_found": "there is nothing of that name on the Hub, or your token may not see it",
        "no_credit": NO_CREDIT,
        "conflict": f"it has just been changed by someone else or is there already{said}; look at it and try again",
        "rate_limited": f"the Hub asks for fewer requests; try again {later}",
        "offline": "HF_HUB_OFFLINE is set; unset it",
        "unreachable": "the Hub cannot be reached; look at your connection (and HF_ENDPOINT, where it is set) and try again",
    }[reason]


def _inner(error: BaseException) -> BaseException:
    """What stopped a download. The client itself says of most of it that the file is not in the cache."""
    wrapped = type(error).__name__ == "LocalEntryNotFoundError" and error.__cause__
    return wrapped or error


def _response(error: BaseException) -> Any:
    return getattr(_inner(error), "response", None)


def _status(error: BaseException) -> int | None:
    status = getattr(_response(error), "status_code", None)
    return status if isinstance(status, int) else None


def _said(error: BaseException) -> str:
    """The Hub's own words, short."""
    words = " ".join(str(getattr(error, "server_message", None) or "").split())
    return f": {words[:200]}" if words else ""


def _wait(error: Exception) -> float | None:
    """Seconds until the Hub wants to hear from us again, as Retry-After or the ratelimit header say."""
    headers = getattr(_response(error), "headers", None)
    if headers is None:
        return None
    try:
        return max(0.0, float(headers.get("Retry-After")))
    except (TypeError, ValueError):
        pass
    limits = RATE_LIMIT.search(headers.get("ratelimit") or "")
    return float(limits["wait"]) if limits and limits["left"] == "0" else None


def _with_token(error: BaseException) -> bool:
    """Whether the request that failed bore a token."""
    request = getattr(_response(error), "request", None)
    return bool(getattr(request, "headers", {}).get("authorization"))


def _in_client(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if "huggingface_hub" in trace.tb_frame.f_code.co_filename:
            return True
        trace = trace.tb_next
    return False
