import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WorkspaceTable } from '#platform/store/store.ts'
import { type EngineWorld, openEngineOn } from '../integration/pipeline/engine-world.ts'
import { type KillPoint, killFile, killSettings, takeKillEvents } from './batch-kill-world.ts'

const child = fileURLToPath(new URL('batch-kill-child.ts', import.meta.url))

/** What a batch writes. */
const batchTables: WorkspaceTable[] = [
  'events',
  'event_dedupe',
  'event_counts',
  'event_properties',
  'customers',
  'assignments',
  'decisions',
  'messages',
  'message_transitions',
  'outcomes',
  'exposures',
  'rewards',
  'rejected_events',
  'timers',
]

let folder: string
/** What the store holds after a run that nothing disturbed. */
let undisturbed: Record<string, unknown[]>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-batch-kill-'))
  // In the log, and no batch applied yet.
  const prepared = await openEngineOn(join(folder, 'prepared'), { yaml: killFile, settings: killSettings })
  await takeKillEvents(prepared)
  await prepared.leave()
  // Decided, and nothing sent yet.
  const decided = await openCopy('prepared', 'decided')
  await decided.decide()
  undisturbed = await contentsOf(decided)
  await decided.leave()
})
afterAll(() => rmSync(folder, { recursive: true }))

test('the run that is compared with has rows in every table', () => {
  for (const table of batchTables) {
    // Nothing is rejected here, and a batch writes a reward only to correct one.
    if (table === 'rejected_events' || table === 'rewards') continue
    expect([table, undisturbed[table]?.length]).not.toEqual([table, 0])
  }
})

/** The first batch ends before a record that merges two customers; the second begins with it. */
const batchPoints: [number, KillPoint][] = [
  [1, 'write-2'],
  [2, 'after-begin'],
  ...[1, 3, 5, 7, 9, 11].map((write): [number, KillPoint] => [2, `write-${write}`]),
  [2, 'before-commit'],
  [2, 'after-commit'],
]

test.each(batchPoints)(
  'killed in batch %i %s: it runs again, with the same ids, and nothing is there twice',
  async (transaction, point) => {
    await killIn('prepared', 'batch', { role: 'worker', transaction, point })
    const world = await openEngineOn(join(folder, 'batch'), { settings: killSettings })
    await world.decide()
    expect(await contentsOf(world)).toEqual(undisturbed)
    expect(world.errors).toEqual([])
    await world.close()
  },
)

test.each<[number, KillPoint, 'sent' | 'unknown', number]>([
  // Before the claim's commit nothing has begun: the next process sends.
  [1, 'after-begin', 'sent', 1],
  [1, 'write-1', 'sent', 1],
  [1, 'before-commit', 'sent', 1],
  // After it a send has begun that nobody has seen the end of: it is never sent again.
  [1, 'after-commit', 'unknown', 0],
  // The outbox is the provider here: its row is there, the result is not.
  [2, 'after-commit', 'unknown', 1],
])(
  'killed in transaction %i of a send, %s: the messages are %s',
  async (transaction, point, state, least) => {
    await killIn('decided', 'send', { role: 'sender', transaction, point })
    const world = await openEngineOn(join(folder, 'send'), { settings: killSettings })
    await world.send()
    // Who has ordered since the decision gets nothing, whatever was killed.
    const messages = (await world.rows('messages')).filter((row) => row.reason !== 'goal-met:goal_met')
    expect(messages.length).toBeGreaterThan(3)
    for (const message of messages)
      expect([message.message_id, message.state]).toEqual([message.message_id, state])
    const delivered = (await world.rows('outbox')).map((row) => row.message_id)
    expect(new Set(delivered).size).toBe(delivered.length)
    expect(delivered.length).toBeGreaterThanOrEqual(state === 'sent' ? messages.length : least)
    if (least === 0) expect(delivered).toEqual([])
    const attempts = await world.rows('attempts')
    expect(attempts).toHaveLength(messages.length)
    await world.close()
  },
)

async function openCopy(from: string, to: string): Promise<EngineWorld> {
  cpSync(join(folder, from), join(folder, to), { recursive: true })
  return openEngineOn(join(folder, to), { settings: killSettings })
}

async function killIn(
  from: string,
  to: string,
  kill: { role: 'worker' | 'sender'; transaction: number; point: KillPoint },
): Promise<void> {
  const dir = join(folder, to)
  rmSync(dir, { recursive: true, force: true })
  cpSync(join(folder, from), dir, { recursive: true })
  const { role, transaction, point } = kill
  const options = ['--dir', dir, '--role', role, '--transaction', String(transaction), '--point', point]
  const killed = spawn(process.execPath, [child, ...options], { stdio: 'inherit' })
  const [code, signal] = await once(killed, 'exit')
  expect([code, signal]).toEqual([null, 'SIGKILL'])
}

/** Every row, in an order that does not depend on when it was written. */
async function contentsOf(world: EngineWorld): Promise<Record<string, unknown[]>> {
  const contents: Record<string, unknown[]> = {}
  for (const table of batchTables) {
    // When an event was applied is the wall clock's; a batch that runs again applies it later.
    const rows = (await world.rows(table)).map((row) => JSON.stringify({ ...row, applied_tick: 0 }))
    contents[table] = rows.sort()
  }
  const offsets = await world.engine.parts.store.read.system.selectFrom('log_offsets').selectAll().execute()
  contents.log_offsets = offsets.map((row) => JSON.stringify(row))
  return contents
}
