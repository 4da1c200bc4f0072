import { setTimeout as wait } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { AppendResult, EventLog, LogConsumer } from '#contracts/event-log.ts'
import type { LogDamage } from '../log-limits.ts'
import { createKafkaClient, reasonOf, withinMs } from './kafka-client.ts'
import { createKafkaConsumer } from './kafka-consumer.ts'
import { createKafkaInbox } from './kafka-inbox.ts'
import { ANSWER_MAX_MS, type KafkaSettings, topicNames } from './kafka-settings.ts'
import { createKafkaWriter } from './kafka-writer.ts'
import { kafkaPartitionOf } from './murmur2.ts'
import { createOffsetBounds } from './offset-bounds.ts'
import { checkTopics, ensureTopics } from './topics.ts'

export interface KafkaLogOptions extends KafkaSettings {
  /** At least as many the events topic must have; as many it is created with. */
  partitions: number
  /** -1 takes the cluster's own default. */
  replicationFactor: number
  retentionMs: number
  /** False where the topics are made by others: a missing one is a fault then. */
  createTopics?: boolean
  /** A member that is not heard of for so long loses its partitions. */
  sessionTimeoutMs?: number
  onDamage?: (damage: LogDamage) => void
}

/**
 * The log on Kafka 4, for many machines. Rejects with one line for the operator when no broker answers
 * within some ten seconds, or the topics are not as they must be.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { topicPrefix, logger, sessionTimeoutMs = 10_000, onDamage = () => {} } = options
  const names = topicNames(topicPrefix)
  const kafka = createKafkaClient(options)
  const partitionsOf = await prepareTopics(options)
  const partitions = partitionsOf.get(names.events)!
  const writer = createKafkaWriter(kafka, logger)
  await writer.connected().catch(async (error) => {
    await writer.close()
    throw unreachable(options, error)
  })
  const bounds = createOffsetBounds(kafka, names.events)
  const consumers = new Set<LogConsumer>()
  let closing = false

  const write = (records: { topic: string; key: string; value: string }[]): Promise<AppendResult> => {
    if (closing) return Promise.resolve({ kind: 'unavailable', reason: 'the event log is closing' })
    return writer.write(
      records.map(({ topic, key, value }) => {
        return { topic, partition: kafkaPartitionOf(key, partitionsOf.get(topic)!), key, value }
      }),
    )
  }

  return {
    partitions,
    append(records) {
      if (records.length === 0) return Promise.resolve({ kind: 'appended' })
      return write(records.map(({ key, body }) => ({ topic: names.events, key, value: body })))
    },
    publisher: {
      publish: (records) =>
        write(
          records.map(({ to, key, body }) => {
            return { topic: to === 'decisions' ? names.decisions : names.deadLetters, key, value: body }
          }),
        ),
    },
    inbox: createKafkaInbox({
      kafka,
      topic: names.inbox,
      groupId: names.inbox,
      partitions: partitionsOf.get(names.inbox)!,
      sessionTimeoutMs,
      logger,
    }),
    consumer(group, startAt) {
      const consumer = createKafkaConsumer({
        kafka,
        bounds,
        topic: names.events,
        groupId: `${topicPrefix}.${group}`,
        partitions,
        sessionTimeoutMs,
        startAt,
        logger,
        onDamage,
        onClose: () => consumers.delete(consumer),
      })
      consumers.add(consumer)
      return consumer
    },
    async ends() {
      return new Map([...(await bounds.ask())].map(([partition, { high }]) => [partition, high]))
    },
    async close() {
      if (closing) return
      closing = true
      await Promise.all([...consumers].map((consumer) => consumer.close()))
      await writer.close()
      await bounds.close()
    },
  }
}

const CONNECT_TRIED_MS = 5000

/** The number of partitions of each of our topics. */
async function prepareTopics(options: KafkaLogOptions): Promise<Map<string, number>> {
  const names = topicNames(options.topicPrefix)
  const admin = createKafkaClient(options).admin()
  const ask = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await withinMs(work, ANSWER_MAX_MS, 'the answer')
    } catch (error) {
      throw unreachable(options, error)
    }
  }
  try {
    await ask(connectSoon(admin))
    if (options.createTopics !== false) await ask(ensureTopics(admin, names, options))
    const checked = await ask(checkTopics(admin, names, options.partitions))
    if (checked.kind === 'fault') throw new Error(checked.reason)
    return checked.partitions
  } finally {
    admin.disconnect().catch(() => {})
  }
}

/** Where everything starts at once, the brokers may take a moment longer. */
async function connectSoon(admin: Admin): Promise<void> {
  const deadline = performance.now() + CONNECT_TRIED_MS
  for (;;) {
    try {
      return await admin.connect()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await wait(500)
    }
  }
}

function unreachable({ brokers }: KafkaLogOptions, error: unknown): Error {
  return new Error(
    `Kafka at ${brokers.join(', ')} cannot be used: ${reasonOf(error)}. Is it running, and is STARLING_KAFKA_BROKERS right?`,
  )
}
