// SPDX-License-Identifier: MIT
// Node's everyday life as one program: churn.mjs SCALE. Prints the same for the same scale.
// Buffers and zlib are the part of it that is malloc's; the JavaScript heap is mapped by V8 itself.
import { createHash } from 'node:crypto';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { deflateSync, inflateSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';

const digest = (data) => createHash('sha256').update(data).digest('hex').slice(0, 16);

function documents(count, salt) {
  return Array.from({ length: count }, (_, i) => ({
    id: i, name: `name-${salt}-${(i * 7919) % 10007}`, tags: Array.from({ length: i % 9 }, (_, j) => `t${j}`),
    nested: { a: i / 3, b: null, text: 'x'.repeat(i % 301) },
  }));
}

function work(scale, salt) {
  const text = JSON.stringify(documents(2000 * scale, salt));
  const back = JSON.parse(text);
  const ring = new Array(512).fill(null);
  let sum = 0;
  for (let i = 0; i < 20000 * scale; i++) {
    const buffer = Buffer.allocUnsafeSlow(1 + ((i * 2654435761) % 40000)).fill(i & 255);
    sum = (sum + buffer[buffer.length - 1] + buffer.length) % 1000003;
    ring[i % ring.length] = buffer;
  }
  const packed = deflateSync(Buffer.from(text));
  const same = inflateSync(packed).toString() === text;
  return `${text.length} ${back.length} ${digest(text)} ${sum} ${digest(packed)} ${same}`;
}

if (isMainThread) {
  const scale = Number(process.argv[2] ?? 1);
  console.log('main', work(scale, 0));
  const file = fileURLToPath(import.meta.url);
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all([1, 2, 3].map((salt) => new Promise((resolve, reject) => {
      const worker = new Worker(file, { workerData: { scale, salt } });
      worker.once('message', (shared) => resolve(shared));
      worker.once('error', reject);
    })));
    for (const { line, block } of answers) console.log(`round ${round}`, line, digest(new Uint8Array(block)));
  }
} else {
  const { scale, salt } = workerData;
  // A transferred ArrayBuffer: made by the worker's thread, freed by the main one.
  const block = new Uint8Array(1 << 20).fill(salt).buffer;
  parentPort.postMessage({ line: work(scale, salt), block }, [block]);
}
