"""Large files and broken connections: the storage gets no token, what is cut goes on, a fault is what was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from hub.handle import Hub, environment

BIG = bytes(range(256)) * 4 * 1024 * 24  # 24 MiB: more than two of the pieces that the client writes down


@pytest.fixture
def ada(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@pytest.mark.leaks
def test_no_token_travels_to_the_storage(hub: Hub, ada: HfApi, tmp_path: Path) -> None:
    ada.create_repo("ada/x", private=True)
    ada.upload_file(path_or_fileobj=BIG, path_in_repo="b.bin", repo_id="ada/x")
    ada.hf_hub_download("ada/x", "b.bin", cache_dir=tmp_path)
    storage = [each for each in hub.requests if each.path.startswith("/_storage/")]
    assert [each.method for each in storage] == ["PUT", "GET"]
    assert not [each for each in storage if "authorization" in each.headers]
    assert hub.where(hub.token) == []
    ada.upload_file(path_or_fileobj=f"token: {hub.token}".encode(), path_in_repo="log.txt", repo_id="ada/x")
    assert hub.where(hub.token) == ["file log.txt of model ada/x"]


def test_a_download_that_is_cut_goes_on_where_it_was(hub: Hub, ada: HfApi, tmp_path: Path) -> None:
    hub.put("model", "ada/x", {"b.bin": BIG})
    hub.fail("GET", "/_storage/get/", after_bytes=12_000_000)
    assert Path(ada.hf_hub_download("ada/x", "b.bin", cache_dir=tmp_path)).read_bytes() == BIG
    gets = [each for each in hub.requests if each.path.startswith("/_storage/")]
    assert [each.status for each in gets] == [None, 206]
    assert 0 < int(gets[1].headers["range"].removeprefix("bytes=").removesuffix("-")) <= 12_000_000


def test_an_upload_that_is_cut_is_sent_again(hub: Hub, ada: HfApi) -> None:
    ada.create_repo("ada/x")
    cut = hub.fail("PUT", "/_storage/put/", after_bytes=2_000_000)
    ada.upload_file(path_or_fileobj=BIG, path_in_repo="b.bin", repo_id="ada/x")
    puts = [each for each in hub.requests if each.method == "PUT"]
    assert cut.times == 0 and [each.status for each in puts] == [None, 200] and puts[0].size < len(BIG)
    assert hub.read("model", "ada/x", "b.bin") == BIG


XET = """
import os, sys
from huggingface_hub import HfApi
HfApi().upload_folder(repo_id="ada/x", folder_path=sys.argv[1])
HfApi().upload_folder(repo_id="ada/x", folder_path=sys.argv[1], path_in_repo="again")
"""


def test_hf_xet_uploads_too_and_gets_no_token_of_the_hub(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(BIG)
    hub.put("model", "ada/x", {}, private=True)
    hub.fail("POST", "/xet/v1/xorbs/", after_bytes=1_000_000)
    variables = {**os.environ, **environment(hub, tmp_path / "home", xet=True)}
    subprocess.run([sys.executable, "-c", XET, str(folder)], env=variables, check=True, timeout=120)
    assert hub.read("model", "ada/x", "weights.bin") == hub.read("model", "ada/x", "again/weights.bin") == BIG
    storage = [each for each in hub.requests if each.path.startswith("/xet/")]
    assert {each.headers["authorization"] for each in storage} == {"Bearer storage:model/ada/x"}
    assert hub.where(hub.token) == []


def test_faults_are_what_was_asked_for_and_then_over(hub: Hub, ada: HfApi) -> None:
    hub.put("model", "ada/x", {"a.txt": b"a"})
    hub.fail("GET", "^/api/models/ada/x$", 503, times=2)
    hub.fail("POST", "/commit/", 429, headers={"Retry-After": "1"}, message="slow down")
    hub.fail("GET", "/api/whoami-v2", 402)
    hub.fail("DELETE", "/api/repos/delete")
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="503"):
            ada.model_info("ada/x")
    assert ada.model_info("ada/x").id == "ada/x"
    with pytest.raises(HfHubHTTPError, match="slow down") as caught:
        ada.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id="ada/x")
    assert caught.value.response.headers["retry-after"] == "1"
    with pytest.raises(HfHubHTTPError, match="402"):
        ada.whoami()
    with pytest.raises(Exception, match=r"disconnected|closed|reset") as broken:
        ada.delete_repo("ada/x")
    assert not isinstance(broken.value, HfHubHTTPError) and ada.repo_exists("ada/x")
    hub.fail("DELETE", "/api/repos/delete", lost=True)
    with pytest.raises(Exception, match=r"disconnected|closed|reset"):
        ada.delete_repo("ada/x")
    assert not ada.repo_exists("ada/x")
    hub.fail("GET", "/api/whoami-v2", delay=0.3)
    began = time.monotonic()
    assert ada.whoami()["name"] == "ada" and time.monotonic() - began >= 0.3
