#!/usr/bin/env bash
# wget2 1.99.1 exits with 0 and keeps a short file when the server closes the connection before the end of the body.
#
# Software: wget2 1.99.1-2.2, the package of Debian 12. Run this on Debian 12.
# Behaviour: the server announces 1000000 bytes, sends 400000 and closes. wget2 prints "Just got 400000 of 1000000
#   bytes", does not try again, leaves the short file under its final name and exits with 0.
# Why it matters: a script that trusts the exit status installs a cut file. Check the length or a digest afterwards.
# Output seen:
#   wget2: exit 0, 400000 of 1000000 bytes, 1 request
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
    -o Debug::NoLocking=1 install wget2=1.99.1-2.2 libwget0=1.99.1-2.2 >&2 ||
    { echo "wget2 1.99.1-2.2 is not available: run this on Debian 12" >&2; exit 1; }
for deb in debs/*.deb; do dpkg -x "$deb" root; done
libraries=$tmp/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$libraries

cat >server.py <<'PYTHON'
import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with open("requests", "a") as requests:
            print(self.path, file=requests)
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 400000)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as port:
    print(server.server_port, file=port)
os.rename("port.new", "port")
server.serve_forever()
PYTHON
python3 server.py &
server=$!
for _ in $(seq 300); do [ ! -e port ] || break; sleep 0.1; done

status=0
timeout 120 root/usr/bin/wget2 --no-config -q -O file "http://127.0.0.1:$(cat port)/file" >&2 || status=$?
seen="wget2: exit $status, $(stat -c %s file) of 1000000 bytes, $(wc -l <requests) request"
echo "$seen"
[ "$seen" = "wget2: exit 0, 400000 of 1000000 bytes, 1 request" ] ||
    { echo "changed: wget2 no longer exits with 0 after one request and a short body" >&2; exit 1; }
