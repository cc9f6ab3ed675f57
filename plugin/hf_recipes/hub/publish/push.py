"""A run's model goes to the Hub: one commit, safe to repeat, never over what another recipe made."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes import record
from hf_recipes.hub.account import Account, account, api, writer
from hf_recipes.hub.base_proof import with_proven_base
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.hub.publish.bundle import MARK, OURS, Bundle, identity, pack
from hf_recipes.hub.publish.facts import CardLicense, Facts, read_facts
from hf_recipes.hub.pushed import commit_title
from hf_recipes.record.job import Job, load_job
from hf_recipes.record.progress import RECEIPT
from hf_recipes.record.state import Reason, State
from hf_recipes.record.trained import TRAINED_NOTHING, trains_nothing
from hf_recipes.runner.files import take_lock, update_state, write_json
from hf_recipes.runner.promote import PUBLISHABLE
from hf_recipes.runner.redaction import hub_tokens
from hf_recipes.runner.weights import PICKLES

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Say = Callable[[str], None]
CHANGED_MEANWHILE = 412


@dataclass(frozen=True)
class Pushed:
    repo: str
    url: str
    commit: str
    new: bool
    """False: the Hub had all of it already, and nothing was committed."""
    private: bool


@dataclass(frozen=True)
class ModelRepo:
    """A model repo as it is on the Hub."""

    commit: str
    private: bool
    files: Mapping[str, str | None]
    """Path → sha256, of the large files only."""
    mark: Mapping[str, Any] | None
    """Its hf_recipes.json; None where it has none."""


def push(
    run: Path, *, repo: str | None, private: bool, force: bool, say: Say, client: HfApi | None = None
) -> Pushed:
    """Push the model of a run that has succeeded, or whose last step this is.

    `repo` None is where the recipe says, or `<account>/<project_name>`. `private` counts for a repo that is made now: one that
    exists stays as it is. `force` takes a repo that holds something else. Raises HubFailed; nothing is half pushed then.
    """
    if trains_nothing(run):
        raise HubFailed("nothing_trained", f"{run.name} {TRAINED_NOTHING}")
    _check_state(run)
    client = client or client_of(run)
    facts = with_proven_base(read_facts(run), client)
    target = model_repo_of(run, client, repo)
    facts = replace(facts, license=_license(facts, client), public_data=_public_data(facts, client))
    bundle = pack(run, facts, target, load_job(run).secrets)
    if bundle.left_out:
        say(bundle.left_out)

    def once() -> Pushed:
        return retrying(lambda: _once(client, target, bundle, facts, private=private, force=force, say=say))

    try:
        pushed = once()
    except HubFailed as failure:
        if failure.status != CHANGED_MEANWHILE:
            raise
        pushed = once()
    if pushed.private is not private:
        say(f"{target} was there before and stays {'private' if pushed.private else 'public'}")
    _settle(run, pushed)
    return pushed


def check_target(run: Path, *, repo: str | None = None, client: HfApi | None = None) -> str:
    """Where the model of a run will go. Before hours are spent on training: raises HubFailed for a repo that push would refuse."""
    client = client or client_of(run)
    target = model_repo_of(run, client, repo)
    found = retrying(lambda: _look(client, target))
    if found is None:
        _check_owner(target, account(client))
        return target
    _refuse_foreign(target, found, with_proven_base(read_facts(run), client))
    with hub_errors(f"asking whether {target} may be written"):
        retrying(lambda: client.auth_check(target, write=True))
    return target


def _check_owner(target: str, who: Account) -> None:
    """That a repo which is not there yet can be made."""
    owner = target.partition("/")[0]
    if not who.belongs_to(owner):
        raise HubFailed(
            "forbidden",
            f"the model is to become {target}, and {who.name} is no member of {owner}; name another in the recipe's hub section",
            status=403,
        )


def client_of(run: Path) -> HfApi:
    """The Hub's client with the token that the recipe names, else the one of the login."""
    names = hub_tokens(load_job(run).secrets)
    return api(next((os.environ[name] for name in names if os.environ.get(name)), None))


def model_repo_of(run: Path, client: HfApi, repo: str | None = None) -> str:
    """`owner/name`; asks the Hub who is logged in. Raises HubFailed when nobody is, or the token is read-only."""
    job = load_job(run)
    who = writer(client, doing="pushing the model")
    name = repo or (job.push.repo if job.push else None) or _of_recipe(job)
    return name if "/" in name else f"{who.name}/{name}"


def _of_recipe(job: Job) -> str:
    username = job.params.get("username")
    return f"{username}/{job.project_name}" if username else job.project_name


def _check_state(run: Path) -> None:
    state = record.read_state(run)
    if state.state is State.SUCCEEDED:
        return
    if state.state is State.RUNNING and state.stage == "push":
        return
    # All but the push went well: that is what is made up for here.
    if state.reason == Reason.PUSH_FAILED.value:
        return
    why = f" ({state.message})" if state.message else ""
    raise HubFailed(
        "not_succeeded",
        f"{run.name} is {state.state.value}{why}; only the model of a run that has succeeded is pushed",
    )


def _once(
    client: HfApi, target: str, bundle: Bundle, facts: Facts, *, private: bool, force: bool, say: Say
) -> Pushed:
    """One try: looks first, so that what an interrupted one has done already is not done twice."""
    found = _look(client, target)
    if found is None:
        with hub_errors(f"creating {target}"):
            client.create_repo(target, private=private, exist_ok=True)
        found = _look(client, target)
        if found is None:
            raise HubFailed("not_found", f"creating {target}: the Hub does not show it; try again")
    elif not force:
        _refuse_foreign(target, found, facts)
    url = f"{client.endpoint}/{target}"
    if not force and _there_already(found, bundle):
        return Pushed(target, url, found.commit, new=False, private=found.private)
    say(f"pushing {len(bundle.weights) + len(bundle.texts)} files ({bundle.size / 1e6:,.1f} MB) to {target}")
    commit = _commit(client, target, bundle, found, facts)
    return Pushed(target, url, commit, new=commit != found.commit, private=found.private)


def _look(client: HfApi, target: str) -> ModelRepo | None:
    try:
        with hub_errors(f"looking at {target}"):
            info = client.model_info(target, files_metadata=True)
    except HubFailed as failure:
        if failure.reason == "not_found":
            return None
        raise
    files = {
        sibling.rfilename: sibling.lfs.sha256 if sibling.lfs else None for sibling in info.siblings or ()
    }
    commit = str(info.sha)
    mark = _mark(client, target, commit) if MARK in files else None
    return ModelRepo(commit, bool(info.private), files, mark)


def _mark(client: HfApi, target: str, commit: str) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder, hub_errors(f"reading {MARK} of {target}"):
        path = client.hf_hub_download(target, MARK, revision=commit, local_dir=folder)
        try:
            mark = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError:
            return {}
    return mark if isinstance(mark, dict) else {}


def _refuse_foreign(target: str, found: ModelRepo, facts: Facts) -> None:
    """A repo may be overwritten when the same recipe made it, or when it is still empty."""
    if found.mark is None:
        if set(found.files) <= {".gitattributes"}:
            return
        raise _foreign(target, "no recipe made what is in it")
    for key, value in identity(facts).items():
        if found.mark.get(key) != value:
            said = found.mark.get(key)
            raise _foreign(target, f"another recipe made what is in it (its {key} is {said}, not {value})")


def _foreign(target: str, why: str) -> HubFailed:
    return HubFailed(
        "other_recipe",
        f"{target} is there already, and {why}; name another with --repo, or replace what is in it with --force",
    )


def _there_already(found: ModelRepo, bundle: Bundle) -> bool:
    if found.mark != bundle.mark or not {*bundle.texts, *bundle.weights} <= set(found.files):
        return False
    hashes = bundle.mark["files"]
    return all(found.files[path] in (None, hashes[path]) for path in bundle.weights)


def _commit(client: HfApi, target: str, bundle: Bundle, found: ModelRepo, facts: Facts) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    adds = [
        CommitOperationAdd(path, data if isinstance(data, bytes) else str(data))
        for path, data in sorted({**bundle.texts, **bundle.weights}.items())
    ]
    deletes = [CommitOperationDelete(path) for path in _left_over(found, bundle)]
    with hub_errors(f"pushing to {target}"):
        # With the parent commit given, the Hub refuses if another push came first; then we look again before writing.
        answer = client.create_commit(
            target,
            [*adds, *deletes],
            commit_message=commit_title(facts.run),
            parent_commit=found.commit,
        )
    return str(answer.oid)


def _left_over(found: ModelRepo, bundle: Bundle) -> list[str]:
    """What an earlier push, or another model, has left in the repo that would be taken for a part of this one."""
    before = set((found.mark or {}).get("files") or ())
    gone = set(found.files) - {*bundle.texts, *bundle.weights}
    return sorted(
        path
        for path in gone
        if path in before
        or path in OURS
        or PUBLISHABLE.fullmatch(Path(path).name)
        or PICKLES.fullmatch(Path(path).name)
        or Path(path).name == "training_args.bin"
    )


def _license(facts: Facts, client: HfApi) -> CardLicense | None:
    """The base model's, as its card says. Not known where the Hub doesn't tell: that is no reason not to push."""
    if facts.bundled_base:
        return CardLicense("apache-2.0")
    if not facts.base_on_hub:
        return None
    try:
        with hub_errors(f"reading the card of {facts.base_model}"):
            card = retrying(lambda: client.model_info(facts.base_model)).card_data
    except HubFailed as failure:
        if failure.transient:
            raise
        return None
    said = card.get("license") if card is not None else None
    if card is None or not isinstance(said, str):
        return None
    return CardLicense(said, card.get("license_name"), _from_here(card.get("license_link"), facts.base_model))


def _from_here(link: Any, base: str) -> str | None:
    """A license's file lies in the base's repo, and its link there would lead nowhere from another."""
    if not isinstance(link, str) or not link:
        return None
    if link.startswith(("http://", "https://")):
        return link
    return f"https://huggingface.co/{base}/blob/main/{link.lstrip('/')}"


def _public_data(facts: Facts, client: HfApi) -> bool:
    """Whether the dataset can be read without a login. If that is unknown, the answer is no."""
    if not facts.dataset:
        return False
    try:
        with hub_errors(f"looking at the dataset {facts.dataset}"):
            info = retrying(lambda: client.dataset_info(str(facts.dataset), token=False))
    except HubFailed as failure:
        if failure.transient:
            raise
        return False
    return not info.private and not info.gated


def _settle(run: Path, pushed: Pushed) -> None:
    """Note in the run's folder where its model is; a run that failed for want of a push alone has succeeded now."""
    write_json(run / RECEIPT, asdict(pushed))
    lock = take_lock(run)
    if lock is None:
        return  # its own runner pushes, and writes the end itself
    try:
        if record.read_state(run).reason == Reason.PUSH_FAILED.value:
            update_state(
                run, state=State.SUCCEEDED.value, reason=None, message=f"pushed to {pushed.repo} afterwards"
            )
    finally:
        os.close(lock)
