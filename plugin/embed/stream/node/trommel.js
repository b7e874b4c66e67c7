// trommel: pages into `trommel extract --stream`, their records back.
//
//     const trommel = new Trommel();
//     const { record } = await trommel.extract({ url, headers, body });
//     const status = await trommel.close();
//
// extract() waits while Trommel does not read, so a crawler that awaits it is slowed to the pace of the workers. Pages
// are told apart by their ids (else URLs): two that are on their way at a time must not have the same.
//
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { decode, encode } from '@msgpack/msgpack';

export class Trommel {
  #child;
  #waiting = new Map(); // id: the two ends of a promise
  #turn = Promise.resolve(); // frames are written one after the other
  #chunks = [];
  #came = 0;
  #n = 0;
  #failed; // why there will be no more answers

  // args: more options of `trommel extract --stream`; with --out SINK the records are short answers.
  constructor({ program = 'trommel', args = [] } = {}) {
    this.#child = spawn(program, ['extract', '--stream', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => {}); // that it ended is told by `closed`
    this.#child.stdout.on('data', (chunk) => this.#take(chunk));
    this.closed = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(this.#end(3, error.message)));
      this.#child.on('close', (status, signal) => resolve(this.#end(status ?? 3, `it ended (${signal ?? status})`)));
    });
  }

  // page: { id, url, final_url, status, headers, content_type, content_encoding, fetched_at, fetch, deadline_ms, body },
  // of which only body must be there. Gives { record, bytes }: the record, and as it came.
  async extract(page) {
    const id = String(page.id ?? page.url ?? `page ${++this.#n}`);
    if (this.#waiting.has(id)) throw new Error(`${id}: a page of this id is on its way already`);
    if (this.#failed) throw this.#failed;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    answer.catch(() => {}); // it may fail before it is awaited
    await this.#write(encode({ ...page, id }));
    return answer;
  }

  // No more pages: gives the exit status when all are answered (0, 1: some have failed, 3: it could not go on).
  async close() {
    await this.#turn;
    this.#child.stdin.end();
    return this.closed;
  }

  #write(frame) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(frame.length);
    this.#turn = this.#turn.then(async () => {
      const pipe = this.#child.stdin;
      pipe.write(head);
      if (!pipe.write(frame)) await Promise.race([once(pipe, 'drain').catch(() => {}), this.closed]);
    });
    return this.#turn;
  }

  #take(chunk) {
    this.#chunks.push(chunk);
    this.#came += chunk.length;
    while (this.#came >= 4) {
      if (this.#chunks[0].length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
      const length = this.#chunks[0].readUInt32BE(0);
      if (this.#came < 4 + length) return;
      const all = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : this.#chunks[0];
      this.#chunks = [all.subarray(4 + length)];
      this.#came = this.#chunks[0].length;
      this.#answer(all.subarray(4, 4 + length));
    }
  }

  #answer(bytes) {
    const record = decode(bytes);
    this.#waiting.get(record.id)?.resolve({ record, bytes });
    this.#waiting.delete(record.id);
  }

  #end(status, why) {
    this.#failed = new Error(`trommel: ${why}; standard error says more`);
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
    return status;
  }
}
