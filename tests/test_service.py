"""The files in docs/deploy: linted, and what they would start is started, without an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from aggregator.cli import main
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run
from tests.test_daemon import running

HOME = Path(__file__).parent.parent
DEPLOY = HOME / "docs" / "deploy"
UNIT = (DEPLOY / "aggregator.service").read_text(encoding="utf-8")
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "aggregator.service"
    unit.write_text(UNIT.replace("/opt/aggregator/bin/aggregator", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_what_there_is_and_hears_what_we_say() -> None:
    [start] = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, command, *options = shlex.split(start)
    assert (Path(program).name, command) == ("aggregator", "run")
    main.commands[command].make_context(command, options)
    for line in ("Type=notify", "WatchdogSec=60", "StateDirectory=aggregator", "ProtectSystem=strict",
                 "NoNewPrivileges=yes", "RestartPreventExitStatus=2", "ExecReload=/bin/kill -HUP $MAINPID"):  # fmt: skip
        assert f"\n{line}\n" in UNIT, line


@pytest.mark.skipif(shutil.which("hadolint", path=str(Path(sys.executable).parent)) is None, reason="no hadolint here")
def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", [DEPLOY / "compose.yaml", HOME / "feeds.yaml"], ids=["compose", "feeds"])
def test_yamllint_has_nothing_to_say(path: Path) -> None:
    rules = YamlLintConfig(
        "{extends: default, rules: {line-length: {max: 120}, comments: {min-spaces-from-content: 1}, "
        "comments-indentation: disable, document-start: disable}}"
    )
    assert [str(problem) for problem in linter.run(path.read_text(encoding="utf-8"), rules)] == []


def test_what_is_copied_into_the_image_is_there_and_enough_to_build() -> None:
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)$", CONTAINER, re.MULTILINE) for word in line.split()[:-1]]
    assert all((HOME / word).exists() for word in copied)
    assert {"pyproject.toml", "README.md", "LICENSE", "aggregator"} <= set(copied)
    assert re.search(r"^USER 10001$", CONTAINER, re.MULTILINE)
    assert re.search(r'^VOLUME \["/data"\]$', CONTAINER, re.MULTILINE)


def test_what_the_image_starts_runs_and_its_healthcheck_is_content(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(tmp_path, web.url("/f"))
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", CONTAINER, re.MULTILINE)
    assert block is not None
    env = dict(word.split("=", 1) for word in block[1].replace("\\\n", " ").split())
    del env["PATH"]
    env["AGGREGATOR_CONFIG"] = env["AGGREGATOR_CONFIG"].replace("/data", str(tmp_path))
    command = re.findall(r'^CMD \["(.*)"\]$', CONTAINER, re.MULTILINE)
    health = re.findall(r'HEALTHCHECK .* CMD \["aggregator", "(.*)"\]', CONTAINER)
    assert command == ["run"]
    with running(tmp_path, environ=env | {"AGGREGATOR_SERVER__LISTEN": ""}) as refused:
        refused.process.wait(30)
        assert refused.process.returncode == 2  # the environment is heard
    port_env = {**env, "AGGREGATOR_SERVER__LISTEN": "127.0.0.1:0"}
    with running(tmp_path, environ=port_env) as daemon:
        daemon.wait(lambda: daemon.said('"event": "poll"'), "the first poll, as JSON")
        daemon.wait((tmp_path / "public" / "feed.atom").exists, "published")
        done = subprocess.run(
            [sys.executable, "-m", "aggregator", *health], env={**os.environ, **port_env},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert daemon.end() < 2


def test_compose_agrees_with_the_image(tmp_path: Path) -> None:
    service = COMPOSE["services"]["aggregator"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).samefile(DEPLOY / "Containerfile")
    assert service["user"] == "10001"
    assert service["read_only"] is True
    assert all(volume.partition(":")[0] in COMPOSE["volumes"] for volume in service["volumes"])
    assert f"EXPOSE {service['ports'][0].rpartition(':')[2]}" in CONTAINER
    assert run("init", cwd=tmp_path).returncode == 0  # what its comment says to run first
