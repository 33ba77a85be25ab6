"""probes.py URL OUT: asks for bytes=0-0, keeps where that led, and fetches the blocks from there, as FileDownloader does."""

import sys
import urllib.request

url, out = sys.argv[1:]
BLOCK = 1 << 20
with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=0-0"})) as probe:
    kept, size = probe.url, int(probe.headers["Content-Range"].split("/")[1])
with open(out, "wb") as file:
    for first in range(0, size, BLOCK):
        wanted = urllib.request.Request(kept, headers={"Range": f"bytes={first}-{min(first + BLOCK, size) - 1}"})
        with urllib.request.urlopen(wanted) as answer:
            file.write(answer.read())
