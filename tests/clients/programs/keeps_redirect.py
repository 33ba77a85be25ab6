"""keeps_redirect.py URL OUT: asks for the first block, keeps where that led, and fetches the other blocks from there, as okdownload does."""

import sys
import urllib.request
from http.client import HTTPResponse

BLOCK = 1 << 20
url, out = sys.argv[1:]


def get(address: str, first: int) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(urllib.request.Request(address, headers={"Range": f"bytes={first}-{first + BLOCK - 1}"}))
    return answer


with get(url, 0) as answer:
    kept, size = answer.url, int(answer.headers["Content-Range"].split("/")[1])
    blocks = [answer.read()]
for at in range(BLOCK, size, BLOCK):
    with get(kept, at) as answer:
        blocks.append(answer.read())
with open(out, "wb") as file:
    file.write(b"".join(blocks))
