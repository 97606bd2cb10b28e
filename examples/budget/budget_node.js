// SPDX-License-Identifier: MIT
// budget_node.js: a Node program that needs 200 MiB of live heap in a small budget.
//
//     node budget_node.js [--live BYTES] [--seconds N] [--seed N]
//
// A table of objects as a service keeps them (an id, a number, a text of 64 to 1024 characters) is
// filled up to --live bytes (default 200 MiB); then objects are replaced at random for --seconds,
// and the table stays near that size. Nothing lies in Buffers: those are outside of what
// --max-old-space-size limits.
//
// Every object is checked when it is replaced. Prints one JSON line at its end. A heap that is full
// is V8's to report: it aborts (exit by SIGABRT), and there is no JSON line.
'use strict';
const fs = require('fs');

function option(name, otherwise) {
  const at = process.argv.indexOf(name);
  return at > 0 ? Number(process.argv[at + 1]) : otherwise;
}

const liveBytes = option('--live', 200 * 2 ** 20);
const seconds = option('--seconds', 20);

// A 32-bit xorshift: Math.random cannot be seeded.
let word = option('--seed', 1) | 0 || 1;
function draw(limit) {
  word ^= word << 13;
  word ^= word >>> 17;
  word ^= word << 5;
  return (word >>> 0) % limit;
}

// Text of one byte per character, flat: repeat() alone makes a rope that takes a tenth of it.
const letters = Buffer.alloc(1024, 'ullage-');
function make(id) {
  const length = 64 + draw(960);
  return { id, length, seen: draw(1000) + 0.5, text: letters.latin1Slice(0, length) };
}

function check(one, id) {
  if (one.id !== id || one.text.length !== one.length || one.text.charCodeAt(0) !== 117) {
    console.error('budget_node: an object was changed while it was live');
    process.exit(4);
  }
}

function peakRssBytes() {
  const found = /VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  return found ? Number(found[1]) * 1024 : 0;
}

// What one object takes: its text and the object, as V8 lays them out (measured: 72 bytes beside
// the text, with the slot in the table).
const beside = 72;
const objects = [];
let live = 0;
const start = process.hrtime.bigint();
while (live < liveBytes) {
  const one = make(objects.length);
  live += one.length + beside;
  objects.push(one);
}
const filled = process.hrtime.bigint();

const end = filled + BigInt(Math.round(seconds * 1e9));
let ops = 0;
while (process.hrtime.bigint() < end) {
  for (let i = 0; i < 256; i++, ops++) {
    const at = draw(objects.length);
    check(objects[at], at);
    live -= objects[at].length + beside;
    objects[at] = make(at);
    live += objects[at].length + beside;
  }
}
const took = Number(process.hrtime.bigint() - filled) / 1e9;
objects.forEach(check);
console.log(JSON.stringify({
  schema: 'ullage.example.budget_node/1',
  live_bytes: live,
  heap_used_bytes: process.memoryUsage().heapUsed,
  objects: objects.length,
  ops,
  ops_per_s: Math.round(ops / took),
  fill_ns: Number(filled - start),
  peak_rss_bytes: peakRssBytes(),
}));
