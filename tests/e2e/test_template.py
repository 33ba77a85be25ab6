"""template.yaml before it is deployed: what AWS's own tools find wrong with it, and that it knows of the code what it must."""

import re
import subprocess
from pathlib import Path

from support.cache import ROOT, fetched
from support.servers import REGION, clean_environment

TEMPLATE = (ROOT / "template.yaml").read_text()


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, env={**clean_environment(), "SAM_CLI_TELEMETRY": "0", "HOME": str(folder), "AWS_DEFAULT_REGION": REGION},
                          cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    assert run(fetched("sam") / "cfn-lint", "--include-checks", "I", "--", ROOT / "template.yaml", folder=tmp_path) == ""


def test_sam_validate_finds_nothing(tmp_path: Path) -> None:
    told = run(fetched("sam") / "sam", "validate", "--lint", "--template-file", ROOT / "template.yaml", folder=tmp_path)
    assert "is a valid SAM Template" in told


def test_secrets_are_not_shown() -> None:
    parameters = re.findall(r"^  (\w+):\n((?:    .+\n)+)", TEMPLATE.split("\nParameters:\n")[1].split("\nConditions:")[0], re.M)
    secret = {name for name, fields in parameters if "NoEcho: true" in fields}
    keys = {f"{whose}{part}" for whose in ("Store", "Edge") for part in ("AccessKeyId", "SecretAccessKey")}
    assert secret == {*keys, "OriginSecret", "NodeSecret", "UrlKeys", "TokenKeys"}
    assert all("Default:" in fields for _, fields in parameters)
    for name in secret:
        assert f"!Ref {name}" not in TEMPLATE.split("Outputs:")[1]


def test_every_function_is_deployed() -> None:
    deployed = re.findall(r"arm64/([a-z-]+)\.zip", TEMPLATE)
    assert len(deployed) == len(set(deployed)) == 10
    assert set(deployed) >= {path.parent.name for path in ROOT.glob("functions/*/main.c")}


def test_evaluation_has_as_many_parts_as_demand() -> None:
    parts = re.search(r"LAN_PARTS = (\d+)", (ROOT / "lib/edges/lan.h").read_text())
    assert parts and f"States.ArrayRange(0, {int(parts[1]) - 1}, 1)" in TEMPLATE


def test_publishing_may_end_what_killed_publishers_left() -> None:
    """docs/stores.md names what it needs for that. Without it publishing goes on, and the uploads stay."""
    described = TEMPLATE.split("arm64/prepare-upload.zip")[1].split("      Events:")[0]
    of_bucket, of_keys = (re.search(rf"Action: \[(s3:{first}, .+)\]", described) for first in ("ListBucket", "PutObject"))
    assert of_bucket and "s3:ListBucketMultipartUploads" in of_bucket[1].split(", ")
    assert of_keys and {"s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"} <= set(of_keys[1].split(", "))
