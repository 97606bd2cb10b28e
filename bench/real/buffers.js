// SPDX-License-Identifier: MIT
// real-node: JSON and binary buffers. V8's objects live in a heap of its own; the bytes of buffers, strings on
// their way in and out, and the compiler's zones come from malloc.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
let state = 1;
const draw = (limit) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % limit;
const kept = new Array(1500).fill(null);
let total = 0;
for (let i = 0; i < 120000; i++) {
  const buffer = Buffer.allocUnsafeSlow(4200 + draw(30000)).fill(i & 255, 0, 512);
  total += buffer[draw(512)] + buffer.length;
  kept[draw(kept.length)] = buffer;
}
const rows = [];
for (let i = 0; i < 20000; i++) rows.push({ id: i, name: 'row ' + i, values: [draw(1000), draw(1000), draw(1000)] });
const text = JSON.stringify(rows);
for (let i = 0; i < 8; i++) total += JSON.parse(text).length;
const packed = zlib.deflateSync(Buffer.from(text), { level: 1 });
total += zlib.inflateSync(packed).length;
console.log(total, crypto.createHash('sha256').update(text).digest('hex').slice(0, 16));
