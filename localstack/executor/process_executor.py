"""Runs LocalStack's Lambda functions as processes of this machine, each under the Lambda runtime interface emulator: no Docker is needed.

LocalStack finds it by the entry point beside this file, where PYTHONPATH names the folder; LAMBDA_RUNTIME_EXECUTOR=process selects it, and
PAKHUS_EMULATOR says where the emulator is. The architecture that a function names is passed over: what is deployed must run here.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import requests
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

ADDRESS = "127.0.0.1"
START_SECONDS = 10


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: the emulator, and the bootstrap that it starts at the first invocation."""

    def __init__(self, id: str, function_version: FunctionVersion):
        super().__init__(id, function_version)
        self._folder = Path(tempfile.mkdtemp(prefix="pakhus-lambda-"))
        self._log = self._folder / "log"
        self._told = 0  # bytes of the log that earlier invocations were given
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        code = self.function_version.config.code.get_unzipped_code_location()
        self._port, runtime = _free_ports()
        command = [os.environ["PAKHUS_EMULATOR"], "--runtime-interface-emulator-address", f"{ADDRESS}:{self._port}",
                   "--runtime-api-address", f"{ADDRESS}:{runtime}", str(Path(code) / "bootstrap")]
        env = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in env_vars.items()}}
        with open(self._log, "wb") as log:
            # In LocalStack's own process group, so that who kills that kills these, too.
            self._process = subprocess.Popen(command, cwd=code, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while self._process and self._process.poll() is None and time.monotonic() < end:
            with suppress(OSError):
                socket.create_connection((ADDRESS, self._port), 1).close()
                return
            time.sleep(0.01)
        raise LambdaRuntimeException(f"the emulator did not start: {self.get_logs()[-2000:]}")

    def stop(self) -> None:
        """At SIGTERM the emulator ends its function first."""
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        url = f"http://{ADDRESS}:{self._port}/2015-03-31/functions/function/invocations"
        headers = {"X-Amzn-Trace-Id": payload["trace-id"]}
        with requests.Session() as session:
            session.trust_env = False  # a proxy has no business here
            answer = session.post(url, payload["payload"].encode(), headers=headers, timeout=905)
        logs = self.get_logs()[self._told:]
        self._told += len(logs)
        return InvocationResult(payload["invoke-id"], answer.content, _is_error(answer), logs)

    def get_logs(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def get_address(self) -> str:
        return ADDRESS

    def get_endpoint_from_executor(self) -> str:
        return ADDRESS

    def get_runtime_endpoint(self) -> str:
        return f"http://{ADDRESS}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        function_version.config.code.destroy_cached()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *_: object, **__: object) -> type[RuntimeExecutor]:
        return ProcessExecutor


def _is_error(answer: requests.Response) -> bool:
    """The emulator answers 200 to a failed invocation, too; its body is then the Runtime API's error."""
    if answer.status_code != 200:
        return True
    with suppress(ValueError):
        body = json.loads(answer.content)
        return isinstance(body, dict) and "errorType" in body and "errorMessage" in body
    return False


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((ADDRESS, 0))
        other.bind((ADDRESS, 0))
        return one.getsockname()[1], other.getsockname()[1]
