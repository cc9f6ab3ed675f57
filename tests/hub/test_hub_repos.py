from __future__ import annotations

from hub.handle import Hub


def test_smoke(hub: Hub) -> None:
    commit = hub.put("model", "ada/x", {"a.txt": b"hello"}, private=True)
    assert hub.repo("model", "ada/x").commit(commit.id) is commit
    assert hub.read("model", "ada/x", "a.txt") == b"hello"
    assert hub.where("hello") == ["file a.txt of model ada/x"]
