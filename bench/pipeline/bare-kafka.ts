import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import kafkajs, { type Admin, type Kafka, type Message } from 'kafkajs'
import { registerCodecs } from '#platform/log/kafka/codecs.ts'
import type { Services } from './services.ts'

export interface TopicRecord {
  partition: number
  offset: number
  key: Buffer
  value: Buffer
}

const partitions = 8
const recordsPerRequest = 500

/** The records of a topic whose value names this prefix, in the order in which they were appended. */
export async function readRecords(
  services: Services,
  topic: string,
  prefix: string,
  count: number,
): Promise<TopicRecord[]> {
  const records: TopicRecord[] = []
  await consume(clientOf(services), topic, count, (partition, messages) => {
    for (const { offset, key, value } of messages) {
      if (value?.includes(prefix)) records.push({ partition, offset: Number(offset), key: key!, value })
    }
    return records.length
  })
  return records.toSorted((a, b) => a.offset - b.offset || a.partition - b.partition)
}

/**
 * Records per second through kafkajs and nothing else: idempotent, acknowledged by all, 500 a request, zstd;
 * produced first and then consumed, as a record takes one way after the other.
 */
export async function measureBareKafka(
  services: Services,
  topic: string,
  records: TopicRecord[],
): Promise<{ chain: number; produced: number; consumed: number }> {
  const kafka = clientOf(services)
  const admin = kafka.admin()
  await admin.connect()
  await createTopic(admin, topic)
  try {
    const producedMs = await produce(kafka, topic, records)
    const consumedMs = await consume(kafka, topic, records.length)
    const perSecond = (ms: number) => (records.length * 1000) / ms
    return {
      chain: perSecond(producedMs + consumedMs),
      produced: perSecond(producedMs),
      consumed: perSecond(consumedMs),
    }
  } finally {
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  }
}

/** A young topic is not known at once; kafkajs's own waiting for its leaders fails on that. */
async function createTopic(admin: Admin, topic: string): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions }] })
  for (let tries = 0; ; tries++) {
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null)
    if (metadata?.topics[0]?.partitions.every(({ leader }) => leader >= 0)) return
    if (tries === 100) throw new Error(`the topic ${topic} gets no leaders`)
    await wait(50)
  }
}

async function produce(kafka: Kafka, topic: string, records: TopicRecord[]): Promise<number> {
  const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await producer.connect()
  const send = (messages: Message[]) =>
    producer.send({ topic, acks: -1, compression: kafkajs.CompressionTypes.ZSTD, messages })
  const startedAt = performance.now()
  for (let first = 0; first < records.length; first += recordsPerRequest) {
    const own = records.slice(first, first + recordsPerRequest)
    await send(own.map(({ partition, key, value }) => ({ partition, key, value })))
  }
  const ms = performance.now() - startedAt
  await producer.disconnect()
  return ms
}

type Take = (
  partition: number,
  messages: { offset: string; key: Buffer | null; value: Buffer | null }[],
) => number

/** Milliseconds from joining the group until `count` records are taken; `take` counts them. */
async function consume(kafka: Kafka, topic: string, count: number, take?: Take): Promise<number> {
  const consumer = kafka.consumer({ groupId: `${topic}.${performance.now()}`, maxWaitTimeInMs: 100 })
  const done = new AbortController()
  let taken = 0
  let startedAt = 0
  consumer.on(consumer.events.GROUP_JOIN, () => {
    startedAt = performance.now()
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const all = once(done.signal, 'abort')
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: partitions,
    eachBatch: async ({ batch }) => {
      taken = take === undefined ? taken + batch.messages.length : take(batch.partition, batch.messages)
      if (taken >= count) done.abort()
    },
  })
  await all
  const ms = performance.now() - startedAt
  await consumer.disconnect()
  return ms
}

function clientOf({ brokers }: Services): Kafka {
  registerCodecs()
  return new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING })
}
