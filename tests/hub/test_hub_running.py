"""The real huggingface_hub against the stand-in: Spaces and Jobs that run as real processes."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.request
from typing import Any

import psutil
import pytest
from huggingface_hub import HfApi, SpaceStage
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from hub.dockerfile import BuildFailed, parse
from hub.handle import Hub
from hub.state import Account

README = b"---\ntitle: Training\nsdk: docker\napp_port: 7860\n---\n"
DOCKERFILE = """FROM python:3.12-slim
RUN pip install nothing
ENV PYTHONUNBUFFERED=1 GREETING="hello there"
WORKDIR /app
COPY . /app
CMD ["python", "/app/start.py"]
"""
SERVE = """
import http.server, os
print("ready for", os.environ["GREETING"], flush=True)
http.server.ThreadingHTTPServer(
    ("0.0.0.0", int(os.environ["HF_RECIPES_PAGE_PORT"])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def api(hub: Hub) -> HfApi:
    hub.machines.grace = 1.0
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@pytest.fixture
def make_space(hub: Hub, api: HfApi) -> Any:
    """make_space(code) → the hold on a docker Space whose CMD runs it."""

    def make(code: str, dockerfile: str = DOCKERFILE, **settings: Any) -> Any:
        api.create_repo("ada/train", repo_type="space", space_sdk="docker", private=True, **settings)
        files = {"README.md": README, "Dockerfile": dockerfile.encode(), "start.py": code.encode()}
        hub.put("space", "ada/train", files)
        return hub.space("ada/train")

    return make


def test_a_space_serves_and_its_logs_follow(hub: Hub, api: HfApi, make_space: Any) -> None:
    space = make_space(SERVE)
    assert api.wait_for_space("ada/train", timeout=20, poll_interval=0.05).stage == SpaceStage.RUNNING
    with urllib.request.urlopen(space.url) as page:
        assert b"start.py" in page.read()
    assert api.space_info("ada/train").host == space.url
    built = list(api.fetch_space_logs("ada/train", build=True))
    assert any("RUN pip install nothing" in line for line in built)

    heard: list[str] = []
    follow = threading.Thread(target=lambda: heard.extend(api.fetch_space_logs("ada/train", follow=True)))
    follow.start()
    time.sleep(0.3)
    urllib.request.urlopen(f"{space.url}/start.py").close()
    for _ in range(100):
        if any("GET /start.py" in line for line in heard):
            break
        time.sleep(0.05)
    api.pause_space("ada/train")
    follow.join(10)
    assert not follow.is_alive()
    assert heard[0].startswith("===== Application Startup")
    assert "ready for hello there\n" in heard
    assert any("GET /start.py" in line for line in heard)


@pytest.mark.leaks
def test_a_space_gets_what_it_was_given_and_nothing_else(
    hub: Hub, api: HfApi, make_space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TESTS", "1")
    hub.image = {"HF_RECIPES_AUTOTRAIN_PYTHON": sys.executable}
    space = make_space(
        "import json, os; print(json.dumps(dict(os.environ)))",
        space_hardware="t4-small",
        space_sleep_time=3600,
        space_secrets=[{"key": "HF_TOKEN", "value": hub.token}],
        space_variables=[{"key": "HF_RECIPES_RUN", "value": "tiny-1"}],
    )
    space.wait("RUNTIME_ERROR")
    seen = json.loads(space.run_log.lines[1][1])
    ours = hub.processes[-1]
    assert set(seen) - {"LC_CTYPE"} == set(ours.origins)
    assert ours.names("secret") == {"HF_TOKEN"} and seen["HF_TOKEN"] == hub.token
    assert ours.names("variable") == {"HF_RECIPES_RUN"}
    assert ours.names("dockerfile") == {"PYTHONUNBUFFERED", "GREETING"}
    assert seen["SPACE_ID"] == "ada/train" and seen["SPACE_TITLE"] == "Training"
    assert seen["HF_ENDPOINT"] == hub.endpoint and seen["HF_RECIPES_AUTOTRAIN_PYTHON"] == sys.executable
    assert not seen["HOME"].startswith(os.environ["HOME"] + "/") and seen["HOME"].startswith(
        str(hub.state.folder)
    )
    assert "OF_THE_TESTS" not in seen
    runtime = api.get_space_runtime("ada/train")
    assert (runtime.requested_hardware, runtime.sleep_time) == ("t4-small", 3600)
    assert api.get_space_secrets("ada/train")["HF_TOKEN"].updated_at is not None
    assert hub.token not in str(api.get_space_secrets("ada/train"))
    assert api.get_space_variables("ada/train")["HF_RECIPES_RUN"].value == "tiny-1"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("print('done')", "Exit code: 0. Reason:"),
        ("raise SystemExit('no memory')", "Exit code: 1. Reason: no memory"),
    ],
)
def test_a_space_that_ends_is_an_error(api: HfApi, make_space: Any, code: str, error: str) -> None:
    make_space(code)
    runtime = api.wait_for_space("ada/train", timeout=20, poll_interval=0.05)
    assert runtime.stage == SpaceStage.RUNTIME_ERROR
    assert runtime.raw["errorMessage"] == error
    assert runtime.hardware is None


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_pause_ends_all_its_processes_and_restart_begins_anew(hub: Hub, api: HfApi, make_space: Any) -> None:
    stubborn = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("child", child.pid, flush=True)
{SERVE}"""
    space = make_space(stubborn)
    space.wait("RUNNING")
    log, container = space.run_log, space.container
    child = int(next(line for _, line in log.lines if line.startswith("child")).split()[1])
    assert psutil.pid_exists(child)
    assert api.pause_space("ada/train").stage == SpaceStage.PAUSED
    container.join()
    until = time.monotonic() + 10  # a killed process is gone when the system comes to it
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(child)
    assert "asked to stop" in log.text
    hub.put("space", "ada/train", {"notes.txt": b"a commit doesn't wake it"})
    assert api.get_space_runtime("ada/train").stage == SpaceStage.PAUSED

    api.restart_space("ada/train")
    space.wait("RUNNING")
    assert len(hub.processes) == 2 and space.run_log is not log


def test_a_space_may_pause_itself(hub: Hub, make_space: Any) -> None:
    space = make_space(
        "import os, sys; from huggingface_hub import HfApi\n"
        "print(HfApi().pause_space(os.environ['SPACE_ID']).stage, flush=True)",
        space_secrets=[{"key": "HF_TOKEN", "value": hub.token}],
    )
    space.wait("PAUSED")
    hub.machines.containers[-1].join()
    assert "PAUSED" in space.run_log.text and space.stage == "PAUSED"


def test_builds_fail_hang_and_need_files(hub: Hub, api: HfApi, make_space: Any) -> None:
    hub.builds_hang = True
    space = make_space(SERVE)
    with pytest.raises(TimeoutError):
        api.wait_for_space("ada/train", timeout=0.3, poll_interval=0.1)
    hub.builds_hang, hub.builds_fail = False, "no space left on device"
    api.restart_space("ada/train")
    runtime = api.wait_for_space("ada/train", timeout=10, poll_interval=0.05)
    assert runtime.stage == SpaceStage.BUILD_ERROR and "no space left" in runtime.raw["errorMessage"]
    assert "no space left on device\n" in list(api.fetch_space_logs("ada/train", build=True))
    hub.builds_fail = None
    hub.put("space", "ada/train", {"README.md": b"no front matter"})
    assert space.wait("CONFIG_ERROR")
    api.add_space_secret("ada/train", "TWICE", "1")
    api.add_space_variable("ada/train", "TWICE", "2")
    hub.put("space", "ada/train", {"README.md": README})
    assert space.wait("CONFIG_ERROR")
    assert "Collision" in api.get_space_runtime("ada/train").raw["errorMessage"]
    api.delete_space_variable("ada/train", "TWICE")
    hub.put("space", "ada/train", {"README.md": README, "Dockerfile": b"FROM x\nCMD nonsense-program\n"})
    assert space.wait("RUNTIME_ERROR") and space.exit_code == 127
    api.delete_file("Dockerfile", "ada/train", repo_type="space")
    assert space.wait("NO_APP_FILE")
    assert not hub.processes[1:]


def test_asleep_steered_deleted(hub: Hub, api: HfApi, make_space: Any) -> None:
    space = make_space(SERVE, space_hardware="t4-small", space_sleep_time=1)
    space.wait("RUNNING")
    assert api.get_space_runtime("ada/train").hardware == "t4-small"
    space.wait("SLEEPING", seconds=10)
    space.visit()
    space.wait("RUNNING")
    assert api.set_space_sleep_time("ada/train", 600).sleep_time == 600
    container = space.container
    space.steer("STOPPED", "evicted")
    assert api.get_space_runtime("ada/train").raw["errorMessage"] == "evicted"
    container.join()
    api.move_repo("ada/train", "ada/renamed", repo_type="space")
    assert api.get_space_runtime("ada/renamed").stage == "STOPPED"
    api.move_repo("ada/renamed", "ada/train", repo_type="space")
    api.delete_repo("ada/train", repo_type="space")
    with pytest.raises(RepositoryNotFoundError):
        api.get_space_runtime("ada/train")


def test_new_settings_restart_what_runs(hub: Hub, api: HfApi, make_space: Any) -> None:
    space = make_space(SERVE)
    space.wait("RUNNING")
    api.add_space_secret("ada/train", "LATE", "1")
    space.wait("RUNNING")
    assert hub.processes[-1].names("secret") == {"LATE"}
    api.request_space_hardware("ada/train", "l4x1", sleep_time=900)  # type: ignore[arg-type]
    space.wait("RUNNING")
    assert (space.hardware, space.sleep_time, len(hub.processes)) == ("l4x1", 900, 3)
    urllib.request.urlopen(f"{space.url}/start.py").close()
    # The new process answered, not the one before it on the same port.
    assert any("GET /start.py" in line for line in api.fetch_space_logs("ada/train"))


def test_who_may_touch_a_space(hub: Hub, api: HfApi, make_space: Any) -> None:
    make_space("")
    reads = HfApi(endpoint=hub.endpoint, token=hub.read_token)
    other = HfApi(endpoint=hub.endpoint, token=hub.other_token)
    assert reads.get_space_runtime("ada/train").stage
    with pytest.raises(HfHubHTTPError, match="403"):
        reads.pause_space("ada/train")
    with pytest.raises(RepositoryNotFoundError):
        other.get_space_runtime("ada/train")
    with pytest.raises(HfHubHTTPError, match="Invalid hardware flavor"):
        api.request_space_hardware("ada/train", "h9000")  # type: ignore[arg-type]
    hub.state.accounts["ada"] = Account("ada", can_pay=False)
    with pytest.raises(HfHubHTTPError, match="402"):
        api.request_space_hardware("ada/train", "t4-small")  # type: ignore[arg-type]


def test_a_gradio_space_runs_its_app_file(hub: Hub) -> None:
    hub.image = {"HF_RECIPES_INFERENCE_PYTHON": sys.executable}
    app = SERVE.replace("HF_RECIPES_PAGE_PORT", "GRADIO_SERVER_PORT").replace(
        "GREETING", "GRADIO_SERVER_NAME"
    )
    files = {"README.md": b"---\nsdk: gradio\napp_file: page.py\n---\n", "page.py": app.encode()}
    hub.put("space", "ada/compare", files, sdk="gradio")
    space = hub.space("ada/compare")
    space.wait("RUNNING")
    with urllib.request.urlopen(f"{space.url}/page.py") as page:
        assert page.status == 200


def test_what_a_dockerfile_says() -> None:
    text = '# syntax\nFROM a AS b\nENV PATH=/opt/bin:$PATH \\\n  X="1 2"\nENV OLD ${X}!\nWORKDIR $ROOT/app\nCMD python /w/app/x.py > out\n'
    found = parse(text, {"PATH": "/bin", "ROOT": "/w"})
    assert found.environment == {"PATH": "/opt/bin:/bin", "X": "1 2", "OLD": "1 2!"}
    assert found.command("/tmp/c") == ("/bin/sh", "-c", "python /tmp/c/x.py > out")
    for broken in ("CMD x", "FROM a", "FROM a\nFORM b\nCMD x"):
        with pytest.raises(BuildFailed):
            parse(broken, {})


def test_an_account_without_a_plan_gets_static_and_zerogpu_spaces_alone(hub: Hub, api: HfApi) -> None:
    hub.state.accounts["ada"] = Account("ada", pro=False)
    for sdk, hardware in (("gradio", None), ("docker", None), ("docker", "t4-small")):
        with pytest.raises(HfHubHTTPError, match="requires a PRO subscription") as refused:
            api.create_repo("ada/x", repo_type="space", space_sdk=sdk, space_hardware=hardware)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 402
    api.create_repo("ada/x", repo_type="space", space_sdk="static")
    zero: Any = {"repo_type": "space", "space_sdk": "gradio", "space_hardware": "zero-a10g"}
    with pytest.raises(HfHubHTTPError, match="only available for Gradio"):
        api.create_repo("ada/y", **{**zero, "space_sdk": "docker"})
    api.create_repo("ada/y", **zero)
    api.create_repo("ada/z", **zero)
    with pytest.raises(HfHubHTTPError, match="maximum of 2 ZeroGPU"):
        api.create_repo("ada/third", **zero)
    api.delete_repo("ada/z", repo_type="space")
    api.request_space_hardware("ada/y", "zero-a10g")  # type: ignore[arg-type]  # has it, and is not counted twice
    api.create_repo("ada/third", **zero)


def test_a_space_on_zerogpu_runs_once_it_has_reported_a_function_for_the_gpu(hub: Hub, api: HfApi) -> None:
    hub.image = {"HF_RECIPES_INFERENCE_PYTHON": sys.executable}
    report = (
        "import os, urllib.request\n"
        "address = os.environ['SPACES_ZERO_DEVICE_API_URL'] + '/startup-report'\n"
        "assert os.environ['SPACES_ZERO_GPU'] == 'true'\n"
        "urllib.request.urlopen(urllib.request.Request(address, method='POST'))\n"
    )
    serve = SERVE.replace("HF_RECIPES_PAGE_PORT", "GRADIO_SERVER_PORT").replace("GREETING", "SPACE_ID")
    api.create_repo("ada/zero", repo_type="space", space_sdk="gradio", space_hardware="zero-a10g")  # type: ignore[arg-type]
    readme = b"---\nsdk: gradio\napp_file: page.py\n---\n"
    hub.put("space", "ada/zero", {"README.md": readme, "page.py": (report + serve).encode()})
    space = hub.space("ada/zero")
    assert space.wait("RUNNING", "RUNTIME_ERROR") == "RUNNING", space.error
    hub.put("space", "ada/zero", {"page.py": serve.encode()})
    space.wait("RUNTIME_ERROR")
    assert space.error == "No @spaces.GPU function detected during startup"


def test_a_space_tells_which_commit_runs(hub: Hub, api: HfApi, make_space: Any) -> None:
    space = make_space(SERVE)
    space.wait("RUNNING")
    assert api.get_space_runtime("ada/train").raw["sha"] == space.repo.commit().id
