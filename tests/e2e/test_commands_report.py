"""report: one page, and the same data as JSON."""

import json
from pathlib import Path

from support import apks
from support.shop import Shop


def test_the_page_has_what_json_prints(store: Shop, tmp_path: Path) -> None:
    store.publish(apks.made("v2"), "APP", "1.0")
    store.run("release", "APP", "1.0")
    data = json.loads(store.run("report", "--json").stdout)
    assert data["releases"] == {"count": 1, "shown": [{"app": "APP", "current": "1.0", "staged": []}]}
    assert (data["edges"]["count"], data["decisions"], data["alerts"], len(data["demand"]["days"])) == (0, [], [], 7)
    page = tmp_path / "report.html"
    assert store.run("report", "-o", str(page)).stdout == ""
    text = page.read_text()
    shown = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert {**shown, "made": data["made"]} == data
    assert "default-src 'none'" in text
    for outside in ("src=", "href=", "@import", "url("):
        assert outside not in text, outside
