// cached.mjs LIBRARY MODE URL OUT: undici or got with a cache. MODE whole: two ranges, then the whole. MODE ranges: every range after a first one.
import { writeFileSync } from "node:fs";

const [library, mode, url, out] = process.argv.slice(2);
const BLOCK = 1 << 20;

async function undici() {
    const { Agent, cacheStores, interceptors, request } = await import("undici");
    const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 5 }), interceptors.cache({ store: new cacheStores.MemoryCacheStore() }));
    return async (method, headers) => {
        const { statusCode, headers: told, body } = await request(url, { method, headers, dispatcher });
        return { status: statusCode, length: told["content-length"], body: Buffer.from(await body.arrayBuffer()) };
    };
}

async function got() {
    const { default: client } = await import("got");
    const cache = new Map();
    return async (method, headers) => {
        const answer = await client(url, { method, headers, cache, responseType: "buffer", decompress: false, retry: { limit: 0 } });
        return { status: answer.statusCode, length: answer.headers["content-length"], body: answer.rawBody };
    };
}

const ask = await (library === "undici" ? undici() : got());

async function get(range) {
    const answer = await ask("GET", range ? { range } : {});
    if (answer.status !== (range ? 206 : 200)) throw new Error(`status ${answer.status}`);
    return answer.body;
}

await get("bytes=0-0");
await get(`bytes=0-${BLOCK - 1}`);
if (mode === "whole") {
    writeFileSync(out, await get());
} else {
    const size = Number((await ask("HEAD", {})).length);
    const parts = [];
    for (let first = 0; first < size; first += BLOCK) parts.push(await get(`bytes=${first}-${Math.min(first + BLOCK, size) - 1}`));
    writeFileSync(out, Buffer.concat(parts));
}
process.exit(0);
