#!/usr/bin/env bash
# undici 7.30.0: the cache answers a request for one byte range with the redirect that it stored for another range.
#
# Software: undici 7.30.0 from npm, with interceptors.cache(); run with Node.js 20.
# Behaviour: the server redirects each range of /file to an address of its own and allows caching for 60 s. The first
#   request asks for bytes 0-9. Requests for bytes 10-19 and for the whole file then get the stored 302, whose target
#   was made for bytes 0-9. The server sees one request. With `Vary: Range` each request gets its own redirect.
# Why it matters: a server that signs a range into its redirect must send `Vary: Range` on the 302. HTTP allows this
#   reuse: Range is no part of a cache key unless Vary names it.
# Output seen:
#   without Vary: 0-9 0-9 0-9
#   with Vary: 0-9 10-19 whole
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.0 >&2

cat >ranges.mjs <<'NODE'
import { createServer } from 'node:http';
import { Agent, interceptors, request } from 'undici';

const server = createServer((asked, answer) => {
  const range = asked.headers.range?.replace('bytes=', '') ?? 'whole';
  const headers = { location: `/only-for/${range}`, 'cache-control': 'max-age=60' };
  if (asked.url.startsWith('/with-vary')) headers.vary = 'Range';
  answer.writeHead(302, headers).end();
});

async function targets(path) {
  const dispatcher = new Agent().compose(interceptors.cache());
  const seen = [];
  for (const headers of [{ range: 'bytes=0-9' }, { range: 'bytes=10-19' }, {}]) {
    const answer = await request(`http://127.0.0.1:${server.address().port}${path}`, { dispatcher, headers });
    await answer.body.dump();
    seen.push(answer.headers.location.replace('/only-for/', ''));
  }
  await dispatcher.close();
  return seen.join(' ');
}

server.listen(0, '127.0.0.1', async () => {
  console.log(`without Vary: ${await targets('/file')}`);
  console.log(`with Vary: ${await targets('/with-vary/file')}`);
  server.close();
});
NODE

timeout 120 node ranges.mjs | tee seen
printf 'without Vary: 0-9 0-9 0-9\nwith Vary: 0-9 10-19 whole\n' | cmp -s - seen ||
    { echo "changed: undici 7.30.0 no longer reuses the redirect of another range as described" >&2; exit 1; }
