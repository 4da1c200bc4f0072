import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LogRecord } from '#contracts/event.ts'
import type { AppendResult } from '#contracts/event-log.ts'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { many } from '../contract/event-log-contract.ts'
import { createMemoryLogger, logOptions } from './kafka.ts'
import { type OwnKafka, startOwnKafka } from './own-kafka.ts'

let kafka: OwnKafka
beforeAll(async () => {
  kafka = await startOwnKafka()
}, 120_000)
afterAll(() => kafka.remove())

test('a broker that is killed twice loses nothing acknowledged, and the log comes back by itself', async () => {
  const logger = createMemoryLogger()
  const log = await openKafkaLog(logOptions({ brokers: kafka.brokers, logger }))
  const consumer = log.consumer('worker')
  const read: LogRecord[] = []
  let reading = true
  const readOn = (async () => {
    while (reading) {
      const batch = await consumer.poll(100, 200)
      for (const record of batch?.records ?? []) if (record !== null) read.push(record)
    }
  })()

  // Four clients that send again what was refused, as a client of the HTTP door does.
  const refusals: { answer: AppendResult; tookMs: number }[] = []
  let acknowledged = 0
  let sending = true
  const client = async (name: string): Promise<number> => {
    for (let call = 0; ; call++) {
      const records = many(20, `${call}`).map(({ body }) => {
        const record = JSON.parse(body) as LogRecord
        const own = {
          ...record,
          customerId: `${name}${record.customerId}`,
          eventId: `${name}.${record.eventId}`,
        }
        return { key: `w\0${own.customerId}`, body: JSON.stringify(own) }
      })
      for (;;) {
        const startedMs = performance.now()
        const answer = await log.append(records)
        if (answer.kind === 'appended') break
        refusals.push({ answer, tookMs: performance.now() - startedMs })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      acknowledged += records.length
      if (!sending) return call + 1
    }
  }
  const clients = ['a', 'b', 'c', 'd'].map(client)
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  // A short absence is waited for; a long one is answered.
  await until(() => acknowledged > 2000)
  await kafka.kill()
  await kafka.start()
  const afterFirst = acknowledged
  await until(() => acknowledged > afterFirst + 2000)
  await kafka.kill()
  await until(() => refusals.some(({ tookMs }) => tookMs < 100))
  expect(refusals.every(({ answer }) => answer.kind === 'unavailable')).toBe(true)
  expect(Math.max(...refusals.map(({ tookMs }) => tookMs))).toBeLessThan(20_000)
  await kafka.start()
  const afterSecond = acknowledged
  await until(() => acknowledged > afterSecond + 2000)
  sending = false
  const calls = await Promise.all(clients)

  const expected = new Set(
    calls.flatMap((count, i) =>
      Array.from({ length: count * 20 }, (_, k) => `${'abcd'[i]}.${Math.floor(k / 20)}.${k % 20}`),
    ),
  )
  const ids = () => new Set(read.map((record) => record.eventId))
  while (ids().size < expected.size) await new Promise((resolve) => setTimeout(resolve, 100))
  reading = false
  await readOn
  expect(ids()).toEqual(expected)
  for (const [, own] of Map.groupBy(read, (record) => record.customerId)) {
    const first = [...new Set(own.map((record) => Number(record.eventId.split('.')[1])))]
    expect(first).toEqual(Array.from({ length: first.length }, (_, i) => i))
  }
  expect(logger.lines.filter((line) => line.level === 'error')).toEqual([])
  await log.close()
}, 180_000)
