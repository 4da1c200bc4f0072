import { DatabaseSync } from 'node:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { createSqliteLog } from '/work/main/src/platform/log/sqlite-log.ts'
const variants = process.argv.slice(2).map(Number)
const dirs = variants.map((p) => { const d = mkdtempSync('/tmp/perf-scale/lb-'); const db = new DatabaseSync(d + '/log.db'); db.exec(`pragma page_size=${p}`); db.exec('create table x(a)'); db.exec('drop table x'); db.close(); return d })
const logs = dirs.map((d) => createSqliteLog({ file: d + '/log.db', wallClock: { now: Date.now } }))
const body = new Uint8Array(Buffer.from(('x'.repeat(430) + '\n').repeat(2) + 'x'.repeat(200)))
const calls = (n: number) => Array.from({ length: n }, () => Array.from({ length: 8 }, (_, partition) => ({ partition, count: 3, body })))
for (const n of [1, 8, 32]) {
  const t: number[][] = variants.map(() => []), c: number[] = variants.map(() => 0)
  for (let r = 0; r < 200; r++) logs.forEach((l, i) => { const s = performance.now(); const u = process.cpuUsage(); l.append(calls(n)); const d = process.cpuUsage(u); t[i]!.push(performance.now() - s); c[i]! += d.user + d.system })
  console.log(n, 'calls/commit', variants.map((v, i) => `${v}: mean ${(t[i]!.reduce((a, b) => a + b) / 200).toFixed(2)} ms med ${t[i]!.toSorted((a, b) => a - b)[100]!.toFixed(2)} cpu/call ${(c[i]! / 200 / n).toFixed(0)}µs`).join(' | '))
}
for (const l of logs) l.close(); for (const d of dirs) rmSync(d, { recursive: true })
