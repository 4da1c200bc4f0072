import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { embeddedLog, kafkaLog, noteRest, takeLog } from '../../../src/pipeline/store-log.ts'
import { workerGroup } from '../../../src/pipeline/worker.ts'
import { openTestStore } from '../../support/test-store.ts'

const kafka = kafkaLog('starling')
let folder: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-store-log-'))
  store = await openTestStore(folder)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const opened = { open: async () => {} }
const none = { ...opened, ends: () => null }
const endsAt = (...ends: number[]) => new Map(ends.entries())
const withEnds = (...ends: number[]) => ({ ...opened, ends: () => endsAt(...ends) })

async function standAt(...offsets: number[]): Promise<void> {
  const rows = offsets.map((next_offset, partition_number) => ({
    group_name: workerGroup,
    partition_number,
    next_offset,
  }))
  await store.transaction((tx) =>
    tx.systemBulk('log_offsets', rows, { key: ['group_name', 'partition_number'], update: ['next_offset'] }),
  )
}

async function offsets(): Promise<number[]> {
  const rows = await store.read.system
    .selectFrom('log_offsets')
    .selectAll()
    .orderBy('partition_number')
    .execute()
  return rows.map((row) => row.next_offset)
}

test('an empty store takes any log, and then that one only', async () => {
  expect(await takeLog(store, kafka, none)).toBeNull()
  expect(await takeLog(store, kafka, none)).toBeNull()
  expect(await takeLog(store, kafkaLog('other'), none)).toBe(
    'the store has taken its events from the log kafka starling, not from kafka other: connect that log',
  )
  expect(await takeLog(store, embeddedLog, none)).toMatch(/not from embedded/)
})

test('the embedded log is left for Kafka only when the store has everything in it; its offsets go', async () => {
  expect(await takeLog(store, embeddedLog, none)).toBeNull()
  await standAt(7, 3)
  expect(await takeLog(store, kafka, withEnds(7, 5))).toMatch(
    /^log\.db holds 2 records that are not applied yet/,
  )
  expect(await takeLog(store, kafka, withEnds(7, 3, 4))).toMatch(/holds 4 records/)
  expect(await takeLog(store, kafka, none)).toMatch(/is not in this data folder/)
  expect(await offsets()).toEqual([7, 3])
  expect(await takeLog(store, kafka, withEnds(7, 3))).toBeNull()
  expect(await offsets()).toEqual([])
})

test('the embedded log is not left for a Kafka that is not in order', async () => {
  await standAt(7)
  const away = { ...withEnds(7), open: () => Promise.reject(new Error('Kafka cannot be used')) }
  await expect(takeLog(store, kafka, away)).rejects.toThrow('Kafka cannot be used')
  expect(await takeLog(store, embeddedLog, away)).toBeNull()
  expect(await offsets()).toEqual([7])
})

test('a store that was written before logs had names has the embedded one', async () => {
  await standAt(4)
  expect(await takeLog(store, kafka, withEnds(5))).toMatch(/holds 1 records/)
  expect(await takeLog(store, embeddedLog, none)).toBeNull()
  expect(await offsets()).toEqual([4])
})

test('a store that was copied with everything applied needs no log.db; used with it once more, it does', async () => {
  await standAt(4, 2)
  expect(await noteRest(store, endsAt(4, 3))).toBe(1)
  expect(await takeLog(store, kafka, none)).toMatch(/is not in this data folder/)
  expect(await noteRest(store, endsAt(4, 2))).toBe(0)
  expect(await takeLog(store, embeddedLog, none)).toBeNull()
  expect(await takeLog(store, kafka, none)).toMatch(/is not in this data folder/)
  expect(await noteRest(store, endsAt(4, 2))).toBe(0)
  expect(await takeLog(store, kafka, none)).toBeNull()
  expect(await offsets()).toEqual([])
})

test('a log.db that has gone missing is not said to be applied', async () => {
  await standAt(4)
  await noteRest(store, null)
  expect(await takeLog(store, kafka, none)).toMatch(/is not in this data folder/)
})
