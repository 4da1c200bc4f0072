import type { Kafka } from 'kafkajs'
import type { AppendResult } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import { IN_FLIGHT_BYTES_MAX } from '../log-limits.ts'
import { createProducerLane, type LaneRecord } from './producer-lane.ts'

/** Writes to any of our topics, in order within a partition. */
export interface KafkaWriter {
  /** Rejects when no broker can be reached. */
  connected(): Promise<void>
  write(records: LaneRecord[]): Promise<AppendResult>
  close(): Promise<void>
}

/**
 * While one lane waits for the brokers the other packs its records. Partition p goes by lane p mod LANES,
 * so that its order holds.
 */
const LANES = 2

export function createKafkaWriter(kafka: Kafka, logger: Logger): KafkaWriter {
  const lanes = Array.from({ length: LANES }, (_, lane) => createProducerLane(kafka, logger, lane))
  let inFlightBytes = 0

  return {
    async connected() {
      await Promise.all(lanes.map((lane) => lane.connected()))
    },
    async write(records) {
      if (records.length === 0) return { kind: 'appended' }
      const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
      if (inFlightBytes > 0 && inFlightBytes + bytes > IN_FLIGHT_BYTES_MAX) {
        return { kind: 'full', retryAfterSeconds: 1 }
      }
      inFlightBytes += bytes
      const shares = lanes.map((_, lane) => records.filter(({ partition }) => partition % LANES === lane))
      const answers = await Promise.all(
        shares.map((share, lane) => {
          if (share.length === 0) return null
          return new Promise<AppendResult>((done) => lanes[lane]!.submit({ records: share, done }))
        }),
      )
      inFlightBytes -= bytes
      return answers.find((answer) => answer !== null && answer.kind !== 'appended') ?? { kind: 'appended' }
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.close()))
    },
  }
}
