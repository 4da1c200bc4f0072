import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storeLocation } from '../../support/test-store.ts'
import { customer, openEngineOn, workspace } from '../pipeline/engine-world.ts'
import { introduce, progressOf, saleFile, startSale, users } from './broadcast-world.ts'
import type { FeederJob } from './feeder-child.ts'

/** Pages of 50, 100 and 200: killed in the third, there is some of it before and some behind. */
const everybody = users(400)
const committedBefore = 150

test('a worker that is there already takes a broadcast on when the one at it is killed in a page', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-feeder-'))
  const world = await openEngineOn(folder, { yaml: saleFile() })
  await introduce(world, everybody)
  expect(await startSale(world)).toMatchObject({ kind: 'started' })
  const { worker } = world.engine.roles
  const { dialect } = world.engine.parts.store
  const job: FeederJob = {
    location: await storeLocation(folder),
    workspace,
    now: world.clock.now(),
    page: 3,
  }
  const child = fork(join(import.meta.dirname, 'feeder-child.ts'), [JSON.stringify(job)])
  expect(await once(child, 'message')).toContain('stands')
  // SQLite has one writer, and lets nobody else begin.
  if (dialect === 'postgres') expect(await worker.fireTimers()).toBe(0)
  expect(await progressOf(world)).toMatchObject({ state: 'running', looked: committedBefore })
  child.kill('SIGKILL')
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  while ((await progressOf(world)).state === 'running') await worker.fireTimers()
  const eachOnce = everybody.map(customer).sort()
  for (const table of ['decisions', 'messages'] as const)
    expect((await world.rows(table)).map((row) => row.customer_id).sort()).toEqual(eachOnce)
  expect(await progressOf(world)).toMatchObject({ state: 'done', looked: 400, queued: 400 })
  expect(world.errors).toEqual([])
  await world.close()
}, 30_000)
