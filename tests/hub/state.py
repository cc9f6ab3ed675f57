"""Everything the stand-in Hub knows: accounts, repos and their commits, the journal of requests, the faults."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

RepoType = str  # "model", "dataset", "space"
TYPES: tuple[RepoType, ...] = ("model", "dataset", "space")
BODY_KEPT = 65536


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Token:
    secret: str = field(repr=False)
    account: str
    role: str  # "read", "write", or "oauth": of a login in the browser, which may write


@dataclass(frozen=True)
class Account:
    name: str
    can_pay: bool = True
    pro: bool = True  # else the Hub makes no Gradio and no Docker Space for it, but for two on ZeroGPU
    good_standing: bool = True  # old enough, with a verified email; else none on ZeroGPU either
    orgs: tuple[str, ...] = ()  # namespaces that it may write in, too


@dataclass(frozen=True)
class File:
    """A file of a commit; its bytes lie in State.blobs under their sha256."""

    size: int
    oid: str  # the git blob id of what git holds: the file, or its LFS pointer
    sha256: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    id: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: Mapping[str, File]


@dataclass
class Repo:
    type: RepoType
    id: str
    private: bool = False
    gated: str | bool = False  # False, "auto" or "manual"
    sdk: str | None = None  # Spaces only
    created_at: str = field(default_factory=now)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)  # accounts let into a gated repo
    uploaded: set[str] = field(default_factory=set)  # sha256 of LFS contents that arrived, committed or not
    discussions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0]

    def commit(self, revision: str = "main") -> Commit | None:
        """By branch, tag, full id or a beginning of one."""
        known = self.branches.get(revision) or self.tags.get(revision)
        if known is None and re.fullmatch("[0-9a-f]{7,40}", revision):
            known = next((each for each in self.commits if each.startswith(revision)), None)
        return self.commits.get(known) if known else None

    def history(self, revision: str = "main") -> list[Commit]:
        """Newest first."""
        found, commit = [], self.commit(revision)
        while commit:
            found.append(commit)
            commit = self.commits.get(commit.parent) if commit.parent else None
        return found

    @property
    def files(self) -> Mapping[str, File]:
        commit = self.commit()
        return commit.files if commit else {}


@dataclass
class Sent:
    """A request as it came in: for tests that ask what travelled, where to and with which token."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""  # its first 64 KiB
    size: int = 0  # of the body, in bytes that arrived
    status: int | None = None  # None: no answer (yet)


@dataclass
class Fault:
    method: str
    path: re.Pattern[str]
    status: int | None
    times: int
    headers: Mapping[str, str]
    message: str
    after_bytes: int | None
    delay: float
    lost: bool

    @property
    def refuses(self) -> bool:
        """Whether the request gets no further than here."""
        return self.after_bytes is None and not self.lost and (self.status is not None or not self.delay)

    def meets(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (method, "*") and bool(self.path.search(path))


class State:
    """One Hub. A test gets a fresh one; what it started (processes) ends with `close`."""

    def __init__(self, endpoint: str, folder: Path | None = None) -> None:
        self.endpoint = endpoint
        self.lock = threading.RLock()  # a test's thread and the server's both write
        self._folder = None if folder else tempfile.TemporaryDirectory(prefix="hub-")
        self.folder = folder or Path(self._folder.name if self._folder else "")
        self.blobs = self.folder / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.repos: dict[tuple[RepoType, str], Repo] = {}
        self.requests: list[Sent] = []
        self.faults: list[Fault] = []
        # Rooms of their own keep their records here and are told of what happens to repos.
        self.spaces: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}
        self.created: list[
            Callable[[Repo, Mapping[str, Any]], None]
        ] = []  # repo, the body of the create call
        self.committed: list[Callable[[Repo, Commit], None]] = []
        self.deleted: list[Callable[[Repo], None]] = []
        self.about: list[Callable[[Repo], Mapping[str, Any]]] = []  # more fields of a repo's info
        self.closers: list[Callable[[], None]] = []

    def close(self) -> None:
        for closer in reversed(self.closers):
            closer()
        if self._folder:
            self._folder.cleanup()

    # accounts

    def add_token(self, account: str, role: str) -> str:
        self.accounts.setdefault(account, Account(account))
        # In pieces, so that no scanner takes it for a real one; long enough for ours to find it.
        digest = hashlib.sha256(f"{account} {role}".encode()).hexdigest()
        secret = "hf" + "_" + digest[:34]
        if role == "oauth":  # a JSON web token
            parts = ("eyJhbGciOiJFZERTQSJ9", f"eyJzdWIiOi-{digest[:24]}", f"{digest[24:]}_-{digest[:30]}")
            secret = f"hf_oauth_{'.'.join(parts)}"
        self.tokens[secret] = Token(secret, account, role)
        return secret

    # repos

    def create(self, type: RepoType, id: str, facts: Mapping[str, Any] | None = None, **more: Any) -> Repo:
        """A new repo with the first commit that the Hub makes."""
        from hub.commits import FIRST_FILES

        with self.lock:
            repo = self.repos[type, id] = Repo(type, id, **more)
            first = {**FIRST_FILES, "README.md": card_of_new(repo)} if type == "space" else FIRST_FILES
            self.commit(repo, "initial commit", first, author=repo.owner)
            for told in self.created:
                told(repo, facts or {})
            return repo

    def delete(self, repo: Repo) -> None:
        with self.lock:
            del self.repos[repo.type, repo.id]
            for told in self.deleted:
                told(repo)

    def commit(
        self,
        repo: Repo,
        title: str,
        added: Mapping[str, bytes | File] | None = None,
        removed: Iterable[str] = (),
        *,
        message: str = "",
        author: str = "",
        branch: str = "main",
    ) -> Commit:
        with self.lock:
            before = repo.commit(branch)
            files = dict(before.files) if before else {}
            for path in removed:
                files.pop(path, None)
            for path, content in (added or {}).items():
                files[path] = content if isinstance(content, File) else self.store(path, content)
            date = now()
            parent = before.id if before else None
            shown = "\n".join(f"{path} {file.oid}" for path, file in sorted(files.items()))
            id = hashlib.sha1(
                f"{parent}{repo.id}{title}{date}{len(repo.commits)}{shown}".encode()
            ).hexdigest()
            commit = Commit(id, parent, title, message, author or repo.owner, date, files)
            repo.commits[id] = commit
            repo.uploaded |= {file.sha256 for file in files.values() if file.lfs}
            repo.branches[branch] = id
            if parent:  # the first one belongs to the creation
                for told in self.committed:
                    told(repo, commit)
            return commit

    # contents

    def store(self, path: str, content: bytes) -> File:
        """Keep these bytes; as LFS when the Hub would."""
        from hub.commits import as_lfs

        sha256 = hashlib.sha256(content).hexdigest()
        self.place(sha256).write_bytes(content)
        return file_of(sha256, content, as_lfs(path, len(content), content[:512]))

    def place(self, sha256: str) -> Path:
        return self.blobs / sha256

    def read(self, file: File) -> bytes:
        return self.place(file.sha256).read_bytes()


def card_of_new(repo: Repo) -> bytes:
    """What the Hub writes into a new Space beside .gitattributes."""
    name = repo.id.rpartition("/")[2]
    return (
        f"---\ntitle: {name}\nemoji: 🐨\ncolorFrom: red\ncolorTo: blue\nsdk: {repo.sdk}\npinned: false\n---\n"
    ).encode()


def git_id(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def file_of(sha256: str, content: bytes, lfs: bool) -> File:
    return lfs_file(sha256, len(content)) if lfs else File(len(content), git_id(content), sha256, False)


def lfs_file(sha256: str, size: int) -> File:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return File(size, git_id(pointer.encode()), sha256, True)
