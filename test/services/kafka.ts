import { randomBytes } from 'node:crypto'
import kafkajs, { type Admin } from 'kafkajs'
import type { LogFields, Logger } from '#contracts/logger.ts'
import { createKafkaClient } from '#platform/log/kafka/kafka-client.ts'
import type { KafkaLogOptions } from '#platform/log/kafka/kafka-log.ts'

/** Kafka's brokers, where tests may create topics. Fails where a skipped test would pass for a good one. */
export const brokers = (process.env.STARLING_TEST_KAFKA_BROKERS ?? missing()).split(',')

export const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} }

/** A log of its own, so that tests do not meet. */
export function logOptions(more: Partial<KafkaLogOptions> = {}): KafkaLogOptions {
  return {
    brokers,
    topicPrefix: `t${randomBytes(6).toString('hex')}`,
    partitions: 4,
    replicationFactor: 1,
    retentionMs: 86_400_000,
    sessionTimeoutMs: 6000,
    logger: quiet,
    ...more,
  }
}

export interface LoggedLine {
  level: string
  message: string
  fields: LogFields | undefined
}

export function createMemoryLogger(): Logger & { lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  const at = (level: string) => (message: string, fields?: LogFields) => {
    if (level !== 'debug') lines.push({ level, message, fields })
  }
  return { lines, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}

/** A client that is not ours: what another system would use. */
export function bareKafka() {
  return new kafkajs.Kafka({ brokers, clientId: 'other', logLevel: kafkajs.logLevel.NOTHING })
}

export async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createKafkaClient(logOptions()).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** The first `count` values of a topic, as another system reads them: with their keys. */
export async function readTopic(topic: string, count: number): Promise<{ key: string; value: unknown }[]> {
  const consumer = bareKafka().consumer({ groupId: `${topic}.check` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const records: { key: string; value: unknown }[] = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        records.push({ key: String(message.key), value: JSON.parse(String(message.value)) })
        if (records.length === count) resolve()
      },
    })
  })
  await consumer.disconnect()
  return records
}

function missing(): never {
  throw new Error('STARLING_TEST_KAFKA_BROKERS is missing: host:port of a Kafka where this may create topics')
}
