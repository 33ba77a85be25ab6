"""channel set, list, remove and config: tables of thousands, several writers, and what is refused where it is written (S4)."""

import csv
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, shop
from support.servers import Servers
from support.shop import Shop


def settings(store: Shop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.run("channel", "config", "APP", "--json").stdout)
    return found


def channels(store: Shop) -> dict[str, dict[str, str]]:
    return store.channels("APP")


def set_channel(store: Shop, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return store.run("channel", "set", "APP", *arguments, check=False)


def test_an_app_without_channels(directory: Shop) -> None:
    assert channels(directory) == {}
    assert directory.run("channel", "list", "APP").stdout == ""
    assert json.loads(directory.run("channel", "config", "APP", "--json").stdout) == {
        "formats": ["walle"], "validator": "package", "url_info": "signed", "filename": "{app}-{version}-{channel}.apk"}


def test_set_and_change_and_remove(store: Shop) -> None:
    assert set_channel(store, "huawei").returncode == 0
    assert set_channel(store, "xiaomi", "--info", '{"campaign":"x","note":"\u6d4b\u8bd5"}').returncode == 0
    assert channels(store) == {"huawei": {"channel": "huawei"}, "xiaomi": {"channel": "xiaomi", "campaign": "x", "note": "\u6d4b\u8bd5"}}
    assert set_channel(store, "huawei", "--info", '{"channel":"other-name"}').returncode == 0
    assert channels(store)["huawei"] == {"channel": "other-name"}
    lines = store.run("channel", "list", "APP").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["huawei", "xiaomi"]
    assert json.loads(lines[0].split("\t")[1]) == {"channel": "other-name"}
    store.run("channel", "remove", "APP", "huawei", "xiaomi")
    assert channels(store) == {}


def test_removing_what_is_not_there_removes_nothing(directory: Shop) -> None:
    set_channel(directory, "huawei")
    done = directory.run("channel", "remove", "APP", "huawei", "nobody", check=False)
    assert done.returncode == 1
    assert "nobody" in done.stderr
    assert list(channels(directory)) == ["huawei"]


def test_thousands_at_once_without_a_header(store: Shop, tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        for number in range(3000):
            writer.writerow([f"c{number}"] if number % 2 else [f"c{number}", json.dumps({"campaign": f'a "quoted", {number}'})])
    done = set_channel(store, "--from", path)
    assert done.returncode == 0
    assert "3000" in done.stderr
    found = channels(store)
    assert len(found) == 3000
    assert found["c7"] == {"channel": "c7"}
    assert found["c2998"] == {"channel": "c2998", "campaign": 'a "quoted", 2998'}


def test_thousands_at_once_with_a_header(store: Shop, tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    rows = "".join(f"c{number},x{number},\r\n" for number in range(2000))
    path.write_bytes(b"\xef\xbb\xbf" + f"channel,campaign,note\r\n{rows}last,,\"two\nlines\"\r\n".encode())
    assert set_channel(store, "--from", path, "--formats", shop.ALL_FORMATS).returncode == 0
    found = channels(store)
    assert len(found) == 2001
    assert found["c1999"] == {"channel": "c1999", "campaign": "x1999"}
    assert found["last"] == {"channel": "last", "note": "two\nlines"}
    assert settings(store)["formats"] == ["walle", "vasdolly", "packer-ng"]


@pytest.mark.parametrize("text, line", [
    ("good\nbad name\n", "line 2"), ("a\nb,{}x\n", "line 2"), ('a\n"b\n', "line 2"), ("channel,x\na,1\nb,2,3\n", "line 3"), ("a,{},c\n", "line 1"),
    ('a,"{""k"":1}"\n', "line 1"), ("a\nb,[]\n", "line 2"), (",x\n", "line 1"), ('"a"b\n', "line 1"), ("../a\n", "line 1"),
    ("a," + "x" * 70000 + "\n", "line 1")])
def test_a_bad_line_is_named_and_nothing_is_set(text: str, line: str, directory: Shop, tmp_path: Path) -> None:
    set_channel(directory, "before")
    path = tmp_path / "channels.csv"
    path.write_text(text, encoding="latin-1")
    done = set_channel(directory, "--from", path)
    assert (done.returncode, done.stdout) == (1, "")
    [message] = done.stderr.splitlines()
    assert "channels.csv" in message and line in message, message
    assert list(channels(directory)) == ["before"]


def test_lists_of_other_tools(directory: Shop, tmp_path: Path) -> None:
    """As the users of Walle and VasDolly have them: one channel a line, remarks behind a '#'."""
    path = tmp_path / "channel.txt"
    path.write_text("# markets\nmeituan # \u7f8e\u56e2\nsamsungapps #\u4e09\u661f, \"Galaxy\"\nhiapk\n\n  anzhi  \r\n91com#91\n#xiaomi\n", encoding="utf-8")
    assert set_channel(directory, "--from", path).returncode == 0
    assert channels(directory) == {name: {"channel": name} for name in ("meituan", "samsungapps", "hiapk", "anzhi", "91com")}


@pytest.mark.parametrize("text", [
    b"channel,campaign\rhuawei,x\roppo,y\r", b"CHANNEL,campaign\nhuawei,x\noppo,y", b"Channel , campaign \r\n huawei ,x\r\noppo,y\r\n",
    b"\xef\xbb\xbfchannel,campaign\nhuawei,x\n# later\noppo,y\n", b"# all\n channel,campaign\nhuawei,x\noppo,y\n",
    b'huawei,"{""campaign"":""x""}"\roppo,"{""campaign"":""y""}"'])
def test_tables_as_other_programs_write_them(text: bytes, directory: Shop, tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    path.write_bytes(text)
    done = set_channel(directory, "--from", path)
    assert done.returncode == 0, done.stderr
    assert channels(directory) == {"huawei": {"channel": "huawei", "campaign": "x"}, "oppo": {"channel": "oppo", "campaign": "y"}}


@pytest.mark.parametrize("text, words", [
    (b"channel,campaign\r\nhuawei,\xbb\xaa\xce\xaa\r\n", "line 2: the byte 0xbb is not UTF-8"),
    (b"a\rb\rc # \xd0 \n", "line 3: the byte 0xd0 is not UTF-8"),
    ("channel,campaign\nhuawei,x\n".encode("utf-16"), "the file is UTF-16, not UTF-8"),
    ("channel,campaign\nhuawei,x\n".encode("utf-16-be"), "the file is UTF-16, not UTF-8")])
def test_text_that_is_not_utf8_is_refused(text: bytes, words: str, directory: Shop, tmp_path: Path) -> None:
    set_channel(directory, "before")
    path = tmp_path / "channels.csv"
    path.write_bytes(text)
    done = set_channel(directory, "--from", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr and "channels.csv" in done.stderr and "save" in done.stderr
    assert list(channels(directory)) == ["before"]


def test_an_app_that_was_never_published_is_warned_of(directory: Shop) -> None:
    directory.publish(apks.made("v2"), "GAME", "1.0")
    warning = "warning: no version of GAEM is published yet: check the name of the app\n"
    assert directory.run("channel", "set", "GAEM", "huawei").stderr == "1 set, 1 of them new or changed\n" + warning
    assert directory.run("channel", "config", "GAEM", "--url-info", "never").stderr == warning
    assert directory.run("channel", "set", "GAME", "huawei").stderr == "1 set, 1 of them new or changed\n"
    assert directory.run("channel", "config", "GAEM").stderr == ""


def test_the_last_of_two_rows_counts(directory: Shop, tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    path.write_text("channel,v\na,1\nb,1\na,2\n")
    assert set_channel(directory, "--from", path).returncode == 0
    assert channels(directory) == {"a": {"channel": "a", "v": "2"}, "b": {"channel": "b", "v": "1"}}


def test_an_empty_file_sets_nothing(directory: Shop, tmp_path: Path) -> None:
    path = tmp_path / "channels.csv"
    path.write_text("")
    assert set_channel(directory, "--from", path).returncode == 0
    assert channels(directory) == {}


@pytest.mark.parametrize("formats", ["walle", shop.ALL_FORMATS])
def test_over_long_info_is_refused_with_what_fits(formats: str, directory: Shop) -> None:
    """The number in the message is right: so many bytes fit, and one more does not."""
    directory.config("APP", "--formats", formats)
    done = set_channel(directory, "huawei", "--info", json.dumps({"channel": "huawei", "x": "y" * 5000}, separators=(",", ":")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "huawei" in done.stderr
    found = re.search(r"(\d+) bytes fit|(\d+) fit", done.stderr)
    assert found, done.stderr
    room = int(found[1] or found[2])
    frame = len('{"channel":"huawei","x":""}')
    for length, code in ((room, 0), (room + 1, 1)):
        text = json.dumps({"channel": "huawei", "x": "y" * (length - frame)}, separators=(",", ":"))
        assert len(text) == length
        assert set_channel(directory, "huawei", "--info", text).returncode == code, length
    assert len(channels(directory)["huawei"]["x"]) == room - frame


def test_the_longest_info_is_served(directory: Shop, servers: Servers) -> None:
    package = directory.publish(apks.made("v2"))
    region = shop.region(package)
    for length in range(4040, 4085):  # up to where no filler pair fits
        info = {"channel": "a", "x": "y" * (length - len('{"channel":"a","x":""}'))}
        done = directory.run("channel", "set", "APP", "a", "--info", json.dumps(info, separators=(",", ":")), check=False)
        if done.returncode == 0:
            longest = info
        if length in (4040, 4070, 4080):
            assert done.returncode == 0 or length > 4072, done.stderr
    url = directory.serve(servers) + "/packages/APP/1.0/a.apk"
    body = client.request(url, range=f"bytes={region.start}-{region.end}").body
    assert body == shop.offline("v2", json.dumps(longest, separators=(",", ":"))).read_bytes()[region.start : region.end + 1]


@pytest.mark.parametrize("info", ["", "x", "[]", '"x"', '{"a":1}', '{"a":null}', '{"a":["b"]}', '{"a":"b","a":"c"}', '{"channel":""}', "{", '{"a":"\\ud800"}'])
def test_info_that_is_no_object_of_strings(info: str, directory: Shop) -> None:
    done = set_channel(directory, "huawei", "--info", info)
    assert done.returncode == 1 or info == ""
    if info:
        assert "info" in done.stderr and len(done.stderr.splitlines()) == 1
        assert channels(directory) == {}


def test_writers_at_once_lose_nothing(store: Shop, tmp_path: Path) -> None:
    """Eight processes, each with channels of its own, three times over."""
    def write(writer: int) -> list[int]:
        path = tmp_path / f"{writer}.csv"
        path.write_text("".join(f"w{writer}-{number}\n" for number in range(100)))
        codes = [set_channel(store, "--from", path).returncode]
        codes += [set_channel(store, f"w{writer}-extra{number}").returncode for number in range(3)]
        codes.append(store.run("channel", "remove", "APP", f"w{writer}-5", check=False).returncode)
        return codes

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(write, range(8)))
    assert codes == [[0] * 5] * 8
    found = channels(store)
    assert len(found) == 8 * (100 + 3 - 1)
    assert all(f"w{writer}-extra2" in found and f"w{writer}-5" not in found for writer in range(8))


def test_config(store: Shop, servers: Servers) -> None:
    store.run("channel", "config", "APP", "--formats", "vasdolly", "--url-info", "never", "--filename", "x-{channel}.apk", "--validator", "store")
    assert json.loads(store.run("channel", "config", "APP", "--json").stdout) == {
        "formats": ["vasdolly"], "validator": "store", "url_info": "never", "filename": "x-{channel}.apk"}
    store.config("APP", "--url-info", "unsigned")  # the rest stays
    found = json.loads(store.run("channel", "config", "APP", "--json").stdout)
    assert (found["formats"], found["url_info"], found["validator"]) == (["vasdolly"], "unsigned", "store")


@pytest.mark.parametrize("option, value", [("--formats", "other"), ("--formats", ""), ("--formats", "walle,"), ("--formats", "raw,vasdolly"),
                                           ("--url-info", "maybe"), ("--validator", "etag"), ("--filename", "x.exe")])
def test_config_that_is_refused(option: str, value: str, directory: Shop) -> None:
    done = directory.run("channel", "config", "APP", option, value, check=False)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert settings(directory)["formats"] == ["walle"]


def test_formats_that_leave_no_room_for_a_channel(directory: Shop) -> None:
    """Info that fitted alone need not fit beside other formats: refused where it is set."""
    text = json.dumps({"channel": "huawei", "x": "y" * 4020}, separators=(",", ":"))
    assert set_channel(directory, "huawei", "--info", text).returncode == 0
    done = directory.run("channel", "config", "APP", "--formats", shop.ALL_FORMATS, check=False)
    assert done.returncode == 1
    assert "huawei" in done.stderr
    assert settings(directory)["formats"] == ["walle"]


def test_what_is_wrong_with_the_arguments(directory: Shop) -> None:
    for arguments in (["set", "APP"], ["set", "APP", "a", "--from", "x.csv"], ["set", "APP", "--from", "x.csv", "--info", "{}"],
                      ["set", "APP", "bad name"], ["set", "bad name", "a"], ["set", "APP", "--from", "no-such-file.csv"]):
        done = directory.run("channel", *arguments, check=False)
        assert done.returncode in (1, 2), arguments
        assert done.stderr.startswith("pakhus channel set: ")
