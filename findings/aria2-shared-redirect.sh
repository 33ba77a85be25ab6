#!/usr/bin/env bash
# aria2 1.36.0 asks the redirect target of one segment for other segments of the file.
#
# Software: aria2 1.36.0-1, the package of Debian 12. Run this on Debian 12.
# Behaviour: the server redirects each request for /file to an address made for exactly the range that was asked.
#   With four connections and --stream-piece-selector=geom, aria2 follows a few of these redirects and then sends
#   requests for other ranges straight to the targets that it has, instead of asking /file again.
# Why it matters: a server cannot bind a redirect to one range (by a signature, or by choosing a store for each range)
#   for this client. Each target has to answer every range.
# Output seen (the ranges may differ from run to run; the check is that there is such a line):
#   target made for whole, asked for 5242880-16777215
#   target made for 2097152-3145727, asked for 7340032-16777215
#   target made for 1048576-2097151, asked for 11534336-16777215
#   target made for 3145728-16777215, asked for 14680064-16777215
#   target made for whole, asked for 10485760-11534335
set -euo pipefail

tmp=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$tmp"
}
trap cleanup EXIT
cd "$tmp"

mkdir -p debs/partial root
apt-get -qq -y --download-only --reinstall --no-install-recommends -o Dir::Cache::archives="$tmp/debs" \
    -o Debug::NoLocking=1 install aria2=1.36.0-1 libaria2-0=1.36.0-1 >&2 ||
    { echo "aria2 1.36.0-1 is not available: run this on Debian 12" >&2; exit 1; }
for deb in debs/*.deb; do dpkg -x "$deb" root; done
libraries=$tmp/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$libraries

cat >server.py <<'PYTHON'
import http.server
import os
import time

CHUNK = 1 << 16
BODY = bytes(range(256)) * 65536


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if self.path == "/file":
            self.redirect(asked or "whole")
        else:
            self.send_range(asked)

    def redirect(self, asked: str) -> None:
        self.send_response(302)
        self.send_header("Location", "/made-for/" + asked)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_range(self, asked: str) -> None:
        made_for = self.path.removeprefix("/made-for/")
        if made_for != (asked or "whole"):
            with open("mismatches", "a") as mismatches:
                print(f"target made for {made_for}, asked for {asked or 'whole'}", file=mismatches)
        first, last = asked.split("-") if asked else ("0", "")
        part = BODY[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(BODY)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        try:
            for start in range(0, len(part), CHUNK):
                self.wfile.write(part[start : start + CHUNK])
                time.sleep(0.01)
        except OSError:
            self.close_connection = True  # aria2 ends a transfer when it splits the range

    def log_message(self, *_: object) -> None:
        pass


with open("expected", "wb") as expected:
    expected.write(BODY)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as port:
    print(server.server_port, file=port)
os.rename("port.new", "port")
server.serve_forever()
PYTHON
python3 server.py &
server=$!
for _ in $(seq 300); do [ ! -e port ] || break; sleep 0.1; done

timeout 120 root/usr/bin/aria2c --no-conf -q -x4 -s4 -k1M --stream-piece-selector=geom -d . -o file "http://127.0.0.1:$(cat port)/file"
cmp expected file
[ -s mismatches ] ||
    { echo "changed: aria2 asked each redirect target only for the range that it was made for" >&2; exit 1; }
cat mismatches
