"""The manual page and the completions hold exactly what the commands explain of themselves."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from support import building, shop
from support.cache import ROOT

[VERSION] = re.findall(r'#define PAKHUS_VERSION "(.+)"', (ROOT / "base/version.h").read_text())
HELP_OPTION = re.compile(r"^  (?:-(\w),|   ) --([\w-]+)(?: (\S+))? ", re.M)


@pytest.fixture(scope="module")
def folder() -> Path:
    building.make("build/packaging/pakhus.1", "build/packaging/pakhus.bash", "build/packaging/_pakhus", without=("SANITIZE",))
    return ROOT / "build/packaging"


def help_of(*command: str) -> str:
    return shop.run(*command, "--help").stdout


@cache
def subcommands(*group: str) -> list[str]:
    """Empty for a command."""
    if "COMMAND …, where COMMAND is one of" not in (text := help_of(*group)):
        return []
    return re.findall(r"^  ([\w-]+) ", text, re.M)


@cache
def commands(*group: str) -> list[tuple[str, ...]]:
    """All that are no groups."""
    below = subcommands(*group)
    return [found for name in below for found in commands(*group, name)] if below else [group]


def options(command: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """By name: letter and argument, each "" where there is none."""
    return {name: (letter, argument) for letter, name, argument in HELP_OPTION.findall(help_of(*command))}


# --- the manual


def test_the_manual_has_every_command_and_option(folder: Path) -> None:
    source = (folder / "pakhus.1").read_text()
    head, *rest = re.split(r"^\.S[SH] ", source.replace("\\-", "-").replace("\\e", "\\"), flags=re.M)
    sections = {section.split("\n", 1)[0]: section for section in rest if section.startswith("pakhus ")}
    assert f'"pakhus {VERSION}"' in head
    assert set(sections) == {" ".join(("pakhus", *command)) for command in commands()}
    for command in commands():
        text = sections[" ".join(("pakhus", *command))]
        written = re.findall(r"^\.TP\n(?:\\fB-(\w)\\fR, )?\\fB--([\w-]+)\\fR(?: \\fI(\S+)\\fR)?$", text, re.M)
        assert {name: (letter, argument) for letter, name, argument in written} == options(command), command
        [example] = re.findall(r"^example: (.*)$", help_of(*command), re.M)
        assert example in text


@pytest.mark.skipif(not shutil.which("man"), reason="no man here: the manual is not formatted")
def test_the_manual_is_formatted_without_a_warning(folder: Path) -> None:
    done = subprocess.run(["man", "--warnings", "-l", folder / "pakhus.1"], capture_output=True, text=True,
                          env={"LC_ALL": "C.UTF-8", "MANWIDTH": "100", "PATH": "/usr/bin:/bin", "MANPAGER": "cat"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "pakhus edge lan set" in done.stdout and "…" in done.stdout


# --- bash


def completed_by_bash(folder: Path, *words: str, cwd: Path | None = None) -> set[str]:
    script = f"""source {folder}/pakhus.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pakhus; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-euc", script, "bash", "pakhus", *words], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_every_command(folder: Path) -> None:
    assert completed_by_bash(folder, "") == {*subcommands(), "help", "--help", "--version"}
    for command in commands():
        group, name = command[:-1], command[-1]
        assert name in completed_by_bash(folder, *group, name[:2])
        assert completed_by_bash(folder, *command, "--") == {*(f"--{name}" for name in options(command)), "--help"}
        assert completed_by_bash(folder, "help", *group, name) == {name}


def test_bash_completes_files_where_values_stand(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "game.apk").touch()
    for words in (["publish", "ga"], ["publish", "--region", "ga"], ["prepare", "x.apk", "-o", "ga"], ["channel", "set", "A", "--from", "=", "ga"]):
        assert completed_by_bash(folder, *words, cwd=tmp_path) == {"game.apk"}, words
    assert completed_by_bash(folder, "publish", "x.apk", "--js", cwd=tmp_path) == {"--json"}
    assert completed_by_bash(folder, "nonsense", "ga", cwd=tmp_path) == {"gather"} & set(subcommands())


# --- zsh

# The completion system's own functions, which here say what they were given.
ZSH = """
compdef() { :; }
_describe() { local entry; for entry in ${(P)2}; do print -r -- "$entry"; done; }
_arguments() { shift 2; print -rl -- "at $CURRENT of $#words" "$@"; }
words=("$@[2,-1]"); CURRENT=$#words
source "$1"
"""


def described_by_zsh(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(["zsh", "-fuc", ZSH, "zsh", folder / "_pakhus", "pakhus", *words], capture_output=True, text=True)
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here: its completion is not tried")
def test_zsh_describes_every_command(folder: Path) -> None:
    assert {line.split(":")[0] for line in described_by_zsh(folder, "")} == {*subcommands(), "help"}
    assert described_by_zsh(folder, "nonsense", "") == []
    for command in commands():
        name = command[-1]
        assert name in [line.split(":")[0] for line in described_by_zsh(folder, *command)]
        place, *given = described_by_zsh(folder, *command, "--store", "")
        assert place == "at 3 of 3"
        assert given[:2] == ["(-h --help)-h[explain the command]", "(-h --help)--help[explain the command]"]
        found = {}
        for line in given[2:]:
            if option := re.match(r"\*?(?:\(-(\w) --[\w-]+\))?--([\w-]+)\[.+?(?<!\\)\](?::(.+):_files)?$", line):
                found[option[2]] = (option[1] or "", (option[3] or "").replace("\\:", ":"))
            else:
                assert re.match(r"\*:.+:_files$|\*?\(-\w --[\w-]+\)-\w\[", line), line
        assert found == options(command), command
