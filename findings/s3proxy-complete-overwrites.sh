#!/usr/bin/env bash
# S3Proxy 3.1.0 obeys `If-None-Match: *` on PutObject, but ignores it on CompleteMultipartUpload and overwrites.
#
# Software: S3Proxy 3.1.0 from Maven Central, with its filesystem-nio2 store; run with Java 17 and Maven.
# Behaviour: a second PutObject with `If-None-Match: *` is refused with 412. CompleteMultipartUpload of the same key,
#   with the same header, is answered with 200 and replaces the object. Amazon S3 documents 412 for both calls.
# Why it matters: a client that tests put-if-absent with small objects concludes that it works, and then loses an
#   object as soon as it uploads in parts. Test both calls.
# Output seen:
#   PutObject 200, PutObject again 412, CompleteMultipartUpload 200, the object is now: third
set -euo pipefail

tmp=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$tmp"
}
trap cleanup EXIT
cd "$tmp"

mvn -q -B -Dmaven.repo.local="$tmp/maven" dependency:get -Dtransitive=false \
    -Dartifact=org.gaul:s3proxy:3.1.0:jar:jar-with-dependencies >&2
jar=$(find maven -name 's3proxy-3.1.0-jar-with-dependencies.jar')

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir data
cat >s3proxy.conf <<CONF
s3proxy.authorization=none
s3proxy.endpoint=http://127.0.0.1:$port
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$tmp/data
jclouds.identity=unused
jclouds.credential=unused
CONF
java -jar "$jar" --properties s3proxy.conf >server.log 2>&1 &
server=$!
bucket=http://127.0.0.1:$port/bucket
for _ in $(seq 300); do
    curl -s -m 5 -o bucket.xml -X PUT "$bucket" && break
    sleep 0.2
done

put() { curl -s -m 60 -o put.xml -w '%{http_code}' -X PUT -H 'If-None-Match: *' -d "$1" "$bucket/key"; }

complete() { # CONTENT: uploads it as one part, and completes the upload only if the key is absent
    local id etag
    id=$(curl -s -m 60 -X POST "$bucket/key?uploads" | sed -n 's:.*<UploadId>\(.*\)</UploadId>.*:\1:p')
    etag=$(curl -s -m 60 -X PUT -D - -H 'Content-Type: application/octet-stream' -d "$1" \
        "$bucket/key?partNumber=1&uploadId=$id" | tr -d '\r' | sed -n 's/^etag: //Ip')
    curl -s -m 60 -o complete.xml -w '%{http_code}' -X POST -H 'If-None-Match: *' -H 'Content-Type: application/xml' \
        -d "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$etag</ETag></Part></CompleteMultipartUpload>" \
        "$bucket/key?uploadId=$id"
}

seen="PutObject $(put first), PutObject again $(put second), CompleteMultipartUpload $(complete third), "
seen+="the object is now: $(curl -s -m 60 "$bucket/key")"
echo "$seen"
[ "$seen" = "PutObject 200, PutObject again 412, CompleteMultipartUpload 200, the object is now: third" ] ||
    { echo "changed: S3Proxy treats If-None-Match on CompleteMultipartUpload in another way" >&2; exit 1; }
