import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import type { FaultPoint } from '#platform/log/sqlite-log.ts'
import { many, readAll } from '../contract/event-log-contract.ts'

const points: FaultPoint[] = [
  'before-begin',
  'after-begin',
  'between-inserts',
  'before-commit',
  'after-commit',
]
const child = fileURLToPath(new URL('log-kill-child.ts', import.meta.url))

/** Two commits happen at least before the last kill; 5 callers share a commit, so 5 calls may be open. */
const KILLS = [1, 2, 23]
const CALLERS = 5
const RECORDS_PER_CALL = 6

test.each(points)(
  'killed %s: what was acknowledged is there once, every other call whole or not at all',
  async (point) => {
    for (const times of KILLS) {
      const folder = mkdtempSync(join(tmpdir(), 'starling-kill-'))
      const file = join(folder, 'log.db')
      const acknowledged = await appendUntilKilled(file, point, times)
      const log = createInThreadLog({ file, wallClock: { now: Date.now } })
      const counts = await recordsByCall(log)
      for (const call of acknowledged) expect([call, counts.get(call)]).toEqual([call, RECORDS_PER_CALL])
      for (const count of counts.values()) expect(count).toBe(RECORDS_PER_CALL)
      const unacknowledged = counts.size - acknowledged.length
      expect(unacknowledged).toBe(point === 'after-commit' ? CALLERS : 0)

      // The log goes on behind what it holds.
      expect(await log.append(many(RECORDS_PER_CALL, 'call0'))).toEqual({ kind: 'appended' })
      expect((await recordsByCall(log)).size).toBe(counts.size + 1)
      await log.close()
      rmSync(folder, { recursive: true })
    }
  },
)

async function appendUntilKilled(file: string, point: FaultPoint, times: number): Promise<string[]> {
  const process_ = spawn(process.execPath, [child, file, point, String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [, signal]] = await Promise.all([text(process_.stdout), once(process_, 'exit')])
  expect(signal).toBe('SIGKILL')
  return output.split('\n').filter((line) => line !== '')
}

/** How many distinct records of each call the log holds; a record that is there twice fails. */
async function recordsByCall(log: ReturnType<typeof createInThreadLog>): Promise<Map<string, number>> {
  const consumer = log.consumer('check')
  const seen = new Set<string>()
  const counts = new Map<string, number>()
  for (const batch of await readAll(consumer)) {
    for (const record of batch.records) {
      const id = record?.eventId ?? 'damaged'
      expect(seen.has(id)).toBe(false)
      seen.add(id)
      const call = id.replace(/^call(\d+)\..*$/, '$1')
      counts.set(call, (counts.get(call) ?? 0) + 1)
    }
  }
  await consumer.close()
  return counts
}
