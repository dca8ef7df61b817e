"""A stand-in for the Python program, each of whose processes is a fork of one that has imported the training libraries.

    CardForks(...).run("support.forked_python:run_script", COMMAND, WITHOUT_UNSLOTH)

runs a program that starts `$PYTHON -m MODULE ARGUMENTS` many times, and pays for two imports: with Unsloth, and without. Everything else
is the real thing: each process has its own arguments, environment, output and exit status.
"""

import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer

from support.forking_process import exit_status

STAND_IN = """\
#!{python} -IS
import json, os, socket, sys, time
if sys.argv[1] != "-m":
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
address = {without!r} if any(word in sys.argv[-1] for word in {words!r}) else {address!r}
while not os.path.exists(address):
    time.sleep(0.1)
with socket.socket(socket.AF_UNIX) as server:
    server.connect(address)
    asked = {{"arguments": sys.argv[2:], "directory": os.getcwd(), "environment": dict(os.environ), "executable": __file__}}
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    sys.exit(int(server.recv(8)))
"""
STOCK = ("torch", "transformers.trainer", "trl.trainer.sft_trainer", "peft", "bitsandbytes", "datasets")


class _Server(ForkingMixIn, UnixStreamServer):
    timeout = 0.1


class _Process(BaseRequestHandler):
    """What the program asks for, in a fork."""

    def handle(self) -> None:
        message, streams, _, _ = socket.recv_fds(self.request, 2**20, 3)
        asked = json.loads(message)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(asked["directory"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.executable, sys.argv = asked["executable"], asked["arguments"]
        status = exit_status(lambda: runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True))
        self.request.sendall(str(status).encode())


def run_script(command: list[str], without_unsloth: list[str]) -> int:
    """The exit status of a program that finds the stand-in in the variable PYTHON.

    without_unsloth: words; a process whose last argument contains one is forked from one that has not imported Unsloth.
    """
    with tempfile.TemporaryDirectory() as room:
        python, address, without = (str(Path(room, name)) for name in ("python", "unsloth", "stock"))
        stand_in = STAND_IN.format(python=sys.executable, words=without_unsloth, address=address, without=without)
        Path(python).write_text(stand_in)
        Path(python).chmod(0o755)
        stock = subprocess.Popen([sys.executable, "-m", "support.forked_python", without])
        with _Server(address, _Process) as server, subprocess.Popen(command, env=os.environ | {"PYTHON": python}) as script:
            while script.poll() is None:
                server.handle_request()
        stock.terminate()
        stock.wait()
        return script.returncode


if __name__ == "__main__":
    for name in STOCK:
        importlib.import_module(name)
    with _Server(sys.argv[1], _Process) as serving:
        serving.serve_forever()
