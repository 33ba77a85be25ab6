"""What packages say of the parts that are linked in: terms, and a bill of materials in SPDX 2.3."""

import json
import re
import subprocess
import zipfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support import building
from support.cache import ROOT
from support.packages import ARCHITECTURES, FUNCTIONS, native, packages
from support.servers import Command

LIBRARIES = {"libcurl": "curl", "openssl": "Apache-2.0", "zstd": "BSD-3-Clause", "liblzma": "LicenseRef-xz-public-domain", "c-ares": "MIT", "jansson": "MIT",
             "libmicrohttpd": "LGPL-2.1-or-later", "zlib": "Zlib", "glibc": "LGPL-2.1-or-later",
             "libgcc": "GPL-3.0-or-later WITH GCC-exception-3.1"}
[VERSION] = re.findall(r'#define PAKHUS_VERSION "(.+)"', (ROOT / "base/version.h").read_text())


@cache
def entry(architecture: str, name: str) -> bytes:
    """The same in every function's zip."""
    found = set()
    for function in FUNCTIONS:
        with zipfile.ZipFile(packages(architecture) / f"{function}.zip") as archive:
            found.add(archive.read(name))
    assert len(found) == 1
    return found.pop()


def bill(architecture: str) -> Any:
    return json.loads(entry(architecture, "sbom.spdx.json"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_bill_is_spdx(architecture: str) -> None:
    """The mandatory fields of SPDX 2.3 (clauses 6, 7 and 11), and references that lead somewhere."""
    made = bill(architecture)
    assert (made["spdxVersion"], made["dataLicense"], made["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    assert made["name"] == f"pakhus-{VERSION}-{architecture}"
    assert re.fullmatch(r"https://[^#\s]+", made["documentNamespace"])
    datetime.strptime(made["creationInfo"]["created"], "%Y-%m-%dT%H:%M:%SZ")
    assert all(re.match(r"(Tool|Organization|Person): \S", creator) for creator in made["creationInfo"]["creators"])
    ids = [package["SPDXID"] for package in made["packages"]]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in ids)
    for package in made["packages"]:
        assert package["name"] and package["versionInfo"] and package["downloadLocation"] and package["filesAnalyzed"] is False
        assert package["licenseConcluded"] and package["licenseDeclared"] and package["copyrightText"]
        assert all(reference["referenceType"] == "purl" and re.fullmatch(r"pkg:(generic|deb/[a-z]+)/[a-z0-9-]+@[A-Za-z0-9.%~_-]+\?arch=\w+", reference["referenceLocator"])
                   for reference in package["externalRefs"])
    relations = {(one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"]) for one in made["relationships"]}
    assert relations == {("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-pakhus"),
                         *(("SPDXRef-pakhus", "STATIC_LINK", one) for one in ids if one != "SPDXRef-pakhus")}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_names_what_is_linked(architecture: str) -> None:
    parts = {package["name"]: package for package in bill(architecture)["packages"]}
    assert {name: part["licenseDeclared"] for name, part in parts.items()} == {"pakhus": "Apache-2.0", **LIBRARIES}
    assert parts["pakhus"]["versionInfo"] == VERSION
    assert all(re.fullmatch(r"\d+(\.\d+)+[a-z]?", part["versionInfo"]) for part in parts.values()), parts


def test_versions_are_those_of_the_program() -> None:
    building.make("static", without=("SANITIZE",))
    done = subprocess.run([ROOT / "build/static/pakhus", "version", "--json"], check=True, capture_output=True, text=True)
    [architecture] = filter(native, ARCHITECTURES)
    billed = {package["name"]: package["versionInfo"] for package in bill(architecture)["packages"]}
    for name, version in json.loads(done.stdout)["libraries"].items():
        assert billed[name] == version, name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_terms_are_there_in_full(architecture: str) -> None:
    text = entry(architecture, "copyright").decode()
    assert "Relinking libmicrohttpd" in text and "make static" in text
    texts = entry(architecture, "licences").decode()
    for referred in set(re.findall(r"/usr/share/common-licenses/((?:Apache|LGPL)-[\d.]+\d)", text)):
        assert f"/usr/share/common-licenses/{referred}\n" in texts or referred == "LGPL-2", referred
    assert "Apache License" in texts and "GNU LESSER GENERAL PUBLIC LICENSE" in texts and "GNU GENERAL PUBLIC LICENSE" in texts
    for name in LIBRARIES:
        assert re.search(rf"^-{{100}}\n{re.escape(name)} \d\S* \(https://\S+\)\n-{{100}}\n", text, re.M), name
    for holder in ("Daniel Stenberg", "The OpenSSL Project", "Petri Lehtinen", "Jean-loup Gailly", "Facebook", "Christian Grothoff"):
        assert holder in text, holder


def test_the_notice_names_every_library() -> None:
    notice = (ROOT / "NOTICE").read_text()
    table = [line.split()[0] for line in (ROOT / "packaging/libraries").read_text().splitlines() if line and line[0] != "#"]
    assert set(table) == set(LIBRARIES)
    for name in table:
        assert name.lower() in notice.lower(), name


def test_the_bill_changes_with_what_it_lists(tmp_path: Path) -> None:
    """A library without a version or terms is an error, not a gap."""
    static = Path(subprocess.run([ROOT / "scripts/static-libs", "--where"], check=True, capture_output=True, text=True).stdout.strip())
    (tmp_path / "terms").mkdir()
    for library in LIBRARIES:
        (tmp_path / "terms" / library).write_text("terms\n")
    linked = (static / "linked").read_text()
    command: Command = [ROOT / "packaging/notices", tmp_path, "1.0", "2026-01-01", "x86_64", tmp_path / "out"]

    def run(text: str) -> tuple[int, str]:
        (tmp_path / "linked").write_text(text)
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stderr

    assert run(re.sub(r"(?m)^openssl\t.*$", "openssl\t1:9.8.7+dfsg-1+deb99u1", linked)) == (0, "")
    made = (tmp_path / "out/sbom.spdx.json").read_text()
    [openssl] = [package for package in json.loads(made)["packages"] if package["name"] == "openssl"]
    assert openssl["versionInfo"] == "9.8.7" and openssl["externalRefs"][0]["referenceLocator"].endswith("/openssl@1%3A9.8.7%2Bdfsg-1%2Bdeb99u1?arch=source")
    code, said = run(re.sub(r"(?m)^zlib\t.*\n", "", linked))
    assert code != 0 and "has no version of zlib" in said
    (tmp_path / "terms/zlib").unlink()
    code, said = run(linked)
    assert code != 0 and "no copyright file of zlib" in said
    assert (tmp_path / "out/sbom.spdx.json").read_text() == made
