import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EventLog } from '#contracts/event-log.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import type { Store } from '#platform/store/store.ts'
import { createPulse } from '#platform/threads/pulse.ts'
import { type RoleName, roleNames } from '../../../src/config.ts'
import { createReadiness } from '../../../src/pipeline/readiness.ts'
import { openTestStore } from '../../support/test-store.ts'

const startedAt = 1_780_000_000_000
let folder: string
let store: Store
let log: EventLog

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-readiness-'))
  store = await openTestStore(folder)
  log = createInThreadLog({ file: join(folder, 'log.db'), wallClock: { now: Date.now } })
})
afterEach(async () => {
  await log.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

function open(roles: RoleName[]) {
  const wallClock = createSteppedClock(startedAt)
  const pulse = createPulse(roleNames.length)
  const readiness = createReadiness({ store, log, pulse, roles, wallClock })
  return {
    wallClock,
    readiness,
    beat: (role: RoleName) => pulse.beat(roleNames.indexOf(role), wallClock.now()),
  }
}

test('is ready when store, log and every role have shown life', async () => {
  const { readiness, beat } = open(['api', 'worker', 'sender'])
  expect(readiness.reason()).toMatch(/has not answered yet/)
  await vi.waitFor(() => expect(readiness.reason()).toBe('the worker has not started yet'))
  beat('worker')
  expect(readiness.reason()).toBe('the sender has not started yet')
  beat('sender')
  expect(readiness.reason()).toBeNull()
  readiness.stop()
  expect(readiness.reason()).toBe('the process is ending')
})

test('a role that stands still is named, with for how long', async () => {
  const { readiness, beat, wallClock } = open(['worker'])
  beat('worker')
  await vi.waitFor(() => expect(readiness.reason()).toBeNull())
  wallClock.stepTo(startedAt + 61_000)
  // The components answer again at the new instant before the worker is looked at.
  await vi.waitFor(() => expect(readiness.reason()).toBe('the worker has done nothing for 61 s'), 10_000)
  beat('worker')
  expect(readiness.reason()).toBeNull()
  readiness.stop()
})

test('a store that fails is named with its fault', async () => {
  const { readiness } = open(['api'])
  await vi.waitFor(() => expect(readiness.reason()).toBeNull())
  await store.close()
  await vi.waitFor(() => expect(readiness.reason()).toMatch(/^the store does not answer: ./), 10_000)
  readiness.stop()
  store = await openTestStore(folder)
})
