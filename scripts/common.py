"""What the scripts in Python have in common."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def say(text):
    print(text, file=sys.stderr, flush=True)


def test_programs(words, folder=ROOT, environment=None):
    """Builds test programs with `cargo test` and these words: each one's name, its path, and the folder that cargo runs it in."""
    output = subprocess.run(
        ["cargo", *words, "--no-run", "--message-format=json"],
        check=True,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=dict(os.environ, **(environment or {})),
    ).stdout
    for line in output.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            yield message["target"]["name"], Path(message["executable"]), Path(message["manifest_path"]).parent


def copy_tracked(to):
    """Copies the files that git knows to a folder."""
    files = subprocess.run(["git", "ls-files", "-z"], check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout
    for name in filter(None, files.decode().split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name, follow_symlinks=False)


def again_in(namespaces, mark):
    """The running script once more, in namespaces of its own, as root of a user namespace if need be. Comes back where it is
    in them, and where none are to be had: whether it is."""
    if mark in os.environ:
        return True
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", *rights, *namespaces, "--"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return False
    os.environ[mark] = "1"
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
