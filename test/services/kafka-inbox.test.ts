import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { type Message } from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProductEventPayload, RejectedPayload } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { type KafkaLogOptions, openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import type { Store } from '#platform/store/store.ts'
import { createInbox } from '../../src/ingest/inbox.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { createIdentities } from '../../src/profile/identities.ts'
import { readAll } from '../contract/event-log-contract.ts'
import { openTestStore } from '../support/test-store.ts'
import { bareKafka, createMemoryLogger, logOptions, readTopic, withAdmin } from './kafka.ts'

let folder: string
let store: Store
let options: KafkaLogOptions
let log: EventLog
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-inbox-'))
  store = await openTestStore(folder)
  options = logOptions({ partitions: 2 })
  log = await openKafkaLog(options)
})
afterEach(async () => {
  await log.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

async function produce(messages: Message[]): Promise<void> {
  const producer = bareKafka().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: `${options.topicPrefix}.inbox`, messages })
  await producer.disconnect()
}

function startInbox(refuse = () => false) {
  const logger = createMemoryLogger()
  const take = createInbox({
    ingest: createIngest({ log, identities: createIdentities(store) }),
    workspaceOf: async (key) => ({ 'key-of-shop': 'shop', 'key-of-bank': 'bank' })[key] ?? null,
    publisher: log.publisher!,
    wallClock: { now: Date.now },
    logger,
  })
  let refused = 0
  const reader = log.inbox!.read(async (messages) => {
    if (!refuse()) return take(messages)
    refused++
    return false
  })
  return { logger, close: reader.close, refused: () => refused }
}

async function committed(count: number): Promise<void> {
  await withAdmin(async (admin) => {
    for (;;) {
      const topics = await admin.fetchOffsets({ groupId: `${options.topicPrefix}.inbox` })
      const taken = topics
        .flatMap((topic) => topic.partitions)
        .reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
      if (taken >= count) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
}

const track = (userId: string, more: object = {}) =>
  JSON.stringify({ type: 'track', event: 'Order Completed', userId, ...more })
const headers = { writeKey: 'key-of-shop' }

test('events that others wrote to the inbox become records, each in the workspace of its write key', async () => {
  const inbox = startInbox()
  await produce([
    { key: 'ann', headers, value: track('ann', { messageId: 'm1', properties: { total: 5 } }) },
    { key: 'ann', headers, value: track('ann', { messageId: 'm2' }) },
    { key: 'bob', value: track('bob', { writeKey: 'key-of-bank', messageId: 'm3' }) },
    { key: 'cid', headers, value: track('cid') },
  ])
  await committed(4)
  await inbox.close()

  const records = (await readAll(log.consumer('worker'))).flatMap((batch) => batch.records)
  const found = records.map((one) => [one!.workspace, one!.customerId, one!.eventId]).toSorted()
  const user = (workspace: string, id: string) => customerIdOf(workspace, 'user', id)
  expect(found).toEqual(
    [
      ['shop', user('shop', 'ann'), 'm1'],
      ['shop', user('shop', 'ann'), 'm2'],
      ['bank', user('bank', 'bob'), 'm3'],
      ['shop', user('shop', 'cid'), expect.stringMatching(/\.inbox-\d-\d$/)],
    ].toSorted(),
  )
  const first = records.find((one) => one?.eventId === 'm1')?.payload as ProductEventPayload
  expect([first.name, first.properties]).toEqual(['Order Completed', { total: 5 }])
  expect(
    records
      .filter((one) => one?.eventId.startsWith('m') && one.workspace === 'shop')
      .map((one) => one?.eventId),
  ).toEqual(['m1', 'm2'])
})

test('what cannot be an event is kept as refused; without a known key it goes to the dead letters', async () => {
  const inbox = startInbox()
  await produce([
    { key: 'a', headers, value: '{"type":"track",' },
    { key: 'a', headers, value: JSON.stringify({ type: 'track', userId: 'ann' }) },
    { key: 'a', headers, value: null },
    { key: 'a', headers: { writeKey: 'nobody' }, value: track('eve') },
    { key: 'a', value: track('eve') },
  ])
  await committed(5)
  await inbox.close()

  const records = (await readAll(log.consumer('worker'))).flatMap((batch) => batch.records)
  expect(records.map((one) => [one!.workspace, one!.kind])).toEqual(Array(3).fill(['shop', 'rejected']))
  const refusals = records.map((one) => one!.payload as RejectedPayload)
  expect(refusals.map(({ code, body }) => [code, body])).toEqual([
    ['not_an_object', '"{\\"type\\":\\"track\\","'],
    ['missing_field', JSON.stringify({ type: 'track', userId: 'ann' })],
    ['not_an_object', '""'],
  ])
  const letters = await readTopic(`${options.topicPrefix}.dead-letters`, 2)
  expect(letters.map(({ value }) => value)).toEqual(
    Array(2).fill(expect.objectContaining({ v: 1, code: 'unknown_key', body: track('eve') })),
  )
  expect(inbox.logger.lines.filter((line) => line.level === 'warn')).toEqual([
    expect.objectContaining({ fields: expect.objectContaining({ events: 2 }) }),
  ])
})

test('while the log takes nothing the messages wait; what is taken twice has the same ids', async () => {
  let refusing = true
  const first = startInbox(() => refusing)
  await produce([{ key: 'cid', headers, value: track('cid') }])
  while (first.refused() === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await first.close()
  // Taken, and then not committed, as when the process ends in between.
  const ids = new Set<string>()
  const crashing = log.inbox!.read(async (messages) => {
    for (const { id } of messages) ids.add(id)
    return false
  })
  while (ids.size === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await crashing.close()
  refusing = false
  const last = startInbox()
  await committed(1)
  await last.close()
  const records = (await readAll(log.consumer('worker'))).flatMap((batch) => batch.records)
  expect(records.map((one) => one!.eventId)).toEqual([...ids])
})
