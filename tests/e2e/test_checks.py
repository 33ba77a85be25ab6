"""scripts/check-includes and scripts/check-functions, on small trees with one fault each."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.cache import ROOT

Tree = dict[str, str]
SOUND: Tree = {
    "base/str.h": "int str_length(void);\n",
    "base/str.c": '#include "base/str.h"\n\nint str_length(void)\n{\n    return 1;\n}\n',
    "lib/http/date.h": '#include "base/str.h"\n',
    "lib/store/store.h": '#include "lib/http/date.h"\n\nint store_get(void);\n',
    "lib/store/store.c": '#include "lib/store/store.h"\n\nint store_get(void)\n{\n    return str_length();\n}\n',
    "functions/query/main.c": '#include "lib/store/store.h"\n\nint main(void)\n{\n    return store_get();\n}\n',
    "runtime/include/lambda-c/lambda.h": "",
}


def run(name: str, tree: Tree, folder: Path) -> tuple[int, str]:
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for room in ("cli", "cdn", "packaging", "tests"):
        (folder / room).mkdir(exist_ok=True)
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / name, folder / "scripts" / name)
    subprocess.run(["git", "init", "-q", folder], check=True)
    done = subprocess.run([folder / "scripts" / name], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["check-includes", "check-functions"])
def test_a_sound_tree_passes(name: str, tmp_path: Path) -> None:
    code, said = run(name, SOUND, tmp_path)
    assert code == 0 and ", 0 faults" in said, said


@pytest.mark.parametrize("path, text, words", [
    ("base/io.c", '#include "lib/store/store.h"\n', "base/io.c:1: base/ uses no lib/"),
    ("lib/http/accept.c", '#include "lib/store/store.h"\n', "lib/http/accept.c:1: lib/http uses no lib/store"),
    ("lib/token/token.c", '#include "lib/store/store.h"\n', "lib/token/token.c:1: lib/token uses no lib/store"),
    ("lib/unheard/of.c", '#include "lib/store/store.h"\n', "lib/unheard stands in no list"),
    ("functions/gather/handler.c", '#include "functions/query/handler.h"\n', "functions/gather uses no other function"),
    ("functions/query/other.c", '#include "lib/store/wire_internal.h"\n', "lib/store/wire_internal.h is private to lib/store/"),
    ("lib/store/retry.h", "", "lib/store/retry.h:1: only lib/store/ reads it"),
    ("base/str.h", '#include "base/str.h"\n', "base/str.h:1: includes itself"),
])
def test_a_wrong_include_is_named(path: str, text: str, words: str, tmp_path: Path) -> None:
    others = {"functions/query/handler.h": "", "lib/store/wire_internal.h": ""}
    code, said = run("check-includes", {**SOUND, **others, path: text}, tmp_path)
    assert code == 1 and words in said and "1 faults" in said, said


def function(head: str, body: str = "    return str_length();\n") -> str:
    return f"{head}\n{{\n{body}}}\n"


@pytest.mark.parametrize("text, words", [
    (function("int spare(void)"), "base/more.c:1: spare is used by nobody"),
    (function("int near(void)") + "\n" + function("static int far(void)", "    return near();\n"), "near is used in its own file alone"),
    (function("static int long_one(void)", "    str_length();\n" * 60), "long_one has 63 lines, over 50"),
    (function("static int greedy(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j)"), "greedy takes 10 parameters"),
    (function("int str_more(void)"), "calls itself in a circle: base/more.c → base/str.c → base/more.c"),
])
def test_a_wrong_function_is_named(text: str, words: str, tmp_path: Path) -> None:
    tree = {**SOUND, "base/more.c": text}
    if "str_more" in text:
        tree["base/str.c"] = tree["base/str.c"].replace("return 1;", "return str_more();")
    code, said = run("check-functions", tree, tmp_path)
    assert code == 1 and words in said, said
