// crawl: a small crawler that hands its pages to Trommel: one site from a seed, links as Trommel's records have them.
//
//     node crawl.js [--trommel PROGRAM] [--out FILE] [--connections N] URL
//
// FILE (standard output) gets the records' msgpack, one after the other: `trommel cat FILE` shows them. Redirects are
// URLs of their own; of robots.txt the plain Disallow lines for everybody are kept. At most N pages (8) are under way.
//
// SPDX-License-Identifier: MIT
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { Trommel } from './trommel.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trommel: { type: 'string', default: 'trommel' },
    out: { type: 'string' },
    connections: { type: 'string', default: '8' },
  },
});
if (positionals.length !== 1) {
  console.error('usage: node crawl.js [--trommel PROGRAM] [--out FILE] [--connections N] URL');
  process.exit(2);
}
const seed = new URL(positionals[0]);
const web = seed.protocol === 'https:' ? https : http;
const agent = new web.Agent({ keepAlive: true });
const trommel = new Trommel({ program: values.trommel });
const out = values.out ? createWriteStream(values.out) : process.stdout;
const queue = [];
const seen = new Set();
let forbidden = [];
let failed = 0;

// The answer as it came: the body keeps its content encoding.
async function get(url) {
  const headers = { 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'crawl.js' };
  const [answer] = await once(web.get(url, { agent, headers, timeout: 30000 }), 'response');
  const body = [];
  for await (const chunk of answer) body.push(chunk);
  const pairs = answer.rawHeaders.flatMap((name, i, all) => (i % 2 ? [] : [[name, all[i + 1]]]));
  return { status: answer.statusCode, location: answer.headers.location, headers: pairs, body: Buffer.concat(body) };
}

function add(link, base) {
  if (!URL.canParse(link, base)) return;
  const url = new URL(link, base);
  url.hash = '';
  if (url.origin !== seed.origin || forbidden.some((path) => url.pathname.startsWith(path))) return;
  if (!seen.has(url.href)) queue.push(url.href);
  seen.add(url.href);
}

async function visit(url) {
  const { status, location, headers, body } = await get(url);
  if (location && status >= 300 && status < 400) return add(location, url);
  const { record, bytes } = await trommel.extract({ url, status, headers, body, fetched_at: new Date() });
  if (!out.write(bytes)) await once(out, 'drain');
  for (const link of record.links ?? []) if (!link.nofollow) add(link.url, url);
}

async function robots() {
  const { status, body } = await get(new URL('/robots.txt', seed));
  const groups = status === 200 ? body.toString().split(/^user-agent:/im) : [];
  const mine = groups.filter((group) => group.trimStart().startsWith('*')).join('\n');
  forbidden = [...mine.matchAll(/^disallow:[ \t]*(\S+)/gim)].map((found) => found[1]);
}

function crawl(connections) {
  return new Promise((done) => {
    let running = 0;
    const next = () => {
      while (running < connections && queue.length) {
        const url = queue.shift();
        running++;
        visit(url)
          .catch((error) => {
            failed++;
            console.error(`${url}: ${error.message}`);
          })
          .finally(() => {
            running--;
            next();
          });
      }
      if (!running) done();
    };
    next();
  });
}

await robots().catch(() => {}); // a site without it
add(seed.href);
await crawl(Number(values.connections));
const status = await trommel.close();
if (values.out) {
  out.end();
  await once(out, 'close');
}
agent.destroy();
process.exitCode = status > 1 || failed ? 1 : 0;
