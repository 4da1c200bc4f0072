import { setTimeout as wait } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import { withinMs } from './kafka-client.ts'
import { ANSWER_MAX_MS } from './kafka-settings.ts'

export interface Bounds {
  /** Offset of the first record kept. */
  low: number
  /** Offset after the last record. */
  high: number
}

/** Asks the brokers where a topic's partitions begin and end. */
export interface OffsetBounds {
  ask(): Promise<Map<number, Bounds>>
  close(): Promise<void>
}

const RETRY_AFTER_MS = 200

export function createOffsetBounds(kafka: Kafka, topic: string): OffsetBounds {
  let admin: Promise<Admin> | null = null

  const connect = async (): Promise<Admin> => {
    const fresh = kafka.admin()
    await fresh.connect()
    return fresh
  }
  const leave = async (): Promise<void> => {
    const left = admin
    admin = null
    await left?.then((one) => one.disconnect()).catch(() => {})
  }
  const fetch = async (): Promise<Map<number, Bounds>> => {
    admin ??= connect()
    const rows = await (await admin).fetchTopicOffsets(topic)
    rows.sort((one, other) => one.partition - other.partition)
    return new Map(
      rows.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
    )
  }

  return {
    async ask() {
      const deadline = performance.now() + ANSWER_MAX_MS
      for (;;) {
        try {
          return await withinMs(fetch(), ANSWER_MAX_MS, 'asking Kafka for offsets')
        } catch (error) {
          // A leader that moved, or a topic a moment old. An admin that lost its broker stays broken.
          await leave()
          if (performance.now() > deadline) throw error
          await wait(RETRY_AFTER_MS)
        }
      }
    },
    close: leave,
  }
}
