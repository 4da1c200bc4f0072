import kafkajs, { type ProducerConfig } from 'kafkajs'
import { expect, test } from 'vitest'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import type { LogDamage } from '#platform/log/log-limits.ts'
import { idsByCustomer, many, readAll, record } from '../contract/event-log-contract.ts'
import { bareKafka, createMemoryLogger, logOptions, withAdmin } from './kafka.ts'

async function produceBare(
  topic: string,
  sends: { key: string; value: string }[][],
  { abortEvery = 0, ...config }: ProducerConfig & { abortEvery?: number } = {},
): Promise<void> {
  const producer = bareKafka().producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    ...config,
  })
  await producer.connect()
  for (const [i, messages] of sends.entries()) {
    if (config.transactionalId === undefined) {
      await producer.send({ topic, messages })
      continue
    }
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages })
    if (abortEvery > 0 && i % abortEvery === abortEvery - 1) await transaction.abort()
    else await transaction.commit()
  }
  await producer.disconnect()
}

const asMessages = (call: string) => many(40, call).map(({ key, body }) => ({ key, value: body }))

test('what another producer writes with the same key lies in the same partition, behind ours', async () => {
  const options = logOptions()
  const log = await openKafkaLog(options)
  const topic = `${options.topicPrefix}.events`
  await log.append(many(40, 'ours'))
  await produceBare(topic, [asMessages('theirs')])
  await log.append(many(40, 'again'))

  const batches = await readAll(log.consumer('worker'))
  for (const [, ids] of idsByCustomer(batches)) {
    expect(ids.map((id) => id.split('.')[0])).toEqual(['ours', 'theirs', 'again'])
  }
  const partitionsOf = new Map<string, Set<number>>()
  for (const batch of batches) {
    for (const one of batch.records) {
      partitionsOf.set(one!.customerId, (partitionsOf.get(one!.customerId) ?? new Set()).add(batch.partition))
    }
  }
  expect([...partitionsOf.values()].map((set) => set.size)).toEqual(Array(40).fill(1))
  await log.close()
})

// The broker, which is Java, packs again what does not have the topic's compression: both ways are tried.
test.each(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'])(
  'reads what Java packs with %s, and Java reads ours',
  async (codec) => {
    const options = logOptions()
    const log = await openKafkaLog(options)
    await withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: 2,
            name: `${options.topicPrefix}.events`,
            configEntries: [{ name: 'compression.type', value: codec }],
          },
        ],
      }),
    )
    // Large and hard to pack, so that there are several blocks.
    const noise = Array.from({ length: 60_000 }, (_, i) =>
      String.fromCharCode(33 + ((i * i * 7919) % 89)),
    ).join('')
    const body = JSON.stringify({ ...JSON.parse(record('c', 'large').body), payload: { noise } })
    expect(await log.append([{ key: 'w\0c', body }, ...many(50, 'x')])).toEqual({ kind: 'appended' })
    await produceBare(`${options.topicPrefix}.events`, [asMessages('theirs')])
    const records = (await readAll(log.consumer('worker'))).flatMap((batch) => batch.records)
    expect(records).toHaveLength(91)
    expect(records.find((one) => one?.eventId === 'large')).toEqual(JSON.parse(body))
    await log.close()
  },
)

test('marks and aborted records of transactions are passed over; the offset moves from where it stood', async () => {
  const options = logOptions({ partitions: 1 })
  const log = await openKafkaLog(options)
  const sends = Array.from({ length: 6 }, (_, i) => [{ key: 'w\0c', value: record('c', `e${i}`).body }])
  await produceBare(`${options.topicPrefix}.events`, sends, {
    transactionalId: options.topicPrefix,
    idempotent: true,
    maxInFlightRequests: 1,
    abortEvery: 3,
  })
  await log.append([record('c', 'last')])
  const consumer = log.consumer('worker')
  const batches = await readAll(consumer)
  expect(batches.flatMap((batch) => batch.records.map((one) => one?.eventId))).toEqual([
    'e0',
    'e1',
    'e3',
    'e4',
    'last',
  ])
  let stored = 0
  for (const batch of batches) {
    expect(batch.fromOffset).toBe(stored)
    stored = batch.nextOffset
  }
  // 7 records and 6 marks.
  expect(stored).toBe(13)
  await log.close()
})

test('when nothing but marks is left, the lag is none', async () => {
  const options = logOptions({ partitions: 1 })
  const log = await openKafkaLog(options)
  const consumer = log.consumer('worker')
  await produceBare(`${options.topicPrefix}.events`, [[{ key: 'w\0c', value: record('c', 'e').body }]], {
    transactionalId: options.topicPrefix,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  expect(await readAll(consumer)).toHaveLength(1)
  expect(await log.ends()).toEqual(new Map([[0, 2]]))
  await log.close()
})

test('a record that is none of ours is null, is reported with its place, and stops nobody', async () => {
  const damages: LogDamage[] = []
  const options = logOptions({ partitions: 1, onDamage: (damage) => damages.push(damage) })
  const log = await openKafkaLog(options)
  await log.append([record('c', 'a')])
  await produceBare(`${options.topicPrefix}.events`, [
    [
      { key: 'w\0c', value: '{"v":' },
      { key: 'w\0c', value: '{"v":99}' },
    ],
  ])
  await log.append([record('c', 'b')])
  const ids = (await readAll(log.consumer('worker'))).flatMap((batch) =>
    batch.records.map((one) => one?.eventId ?? null),
  )
  expect(ids).toEqual(['a', null, null, 'b'])
  const reason = 'not a record this version reads'
  expect(damages).toEqual([
    { partition: 0, baseOffset: 1, records: 1, reason },
    { partition: 0, baseOffset: 2, records: 1, reason },
  ])
  await log.close()
})

test('records that retention deleted unread are reported once, and the offset moves over them', async () => {
  const logger = createMemoryLogger()
  const options = logOptions({ partitions: 1, logger })
  const log = await openKafkaLog(options)
  await log.append(Array.from({ length: 10 }, (_, i) => record('c', `e${i}`)))
  const topic = `${options.topicPrefix}.events`
  await withAdmin(async (admin) => {
    // Makes kafkajs learn the topic's leaders, which deleteTopicRecords forgets to do.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
  })
  const consumer = log.consumer('worker', async () => new Map([[0, 2]]))
  const batches = await readAll(consumer)
  expect(
    batches.map(({ fromOffset, baseOffset, nextOffset }) => [fromOffset, baseOffset, nextOffset]),
  ).toEqual([[2, 6, 10]])
  expect(logger.lines.filter((line) => line.level === 'error')).toEqual([
    expect.objectContaining({
      message: 'records were deleted by retention before they were read',
      fields: expect.objectContaining({ partition: 0, fromOffset: 2, toOffset: 6 }),
    }),
  ])
  await log.close()
})
