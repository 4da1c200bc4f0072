import type { EventLog } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import type { KafkaSettings } from '#platform/log/kafka/kafka-settings.ts'
import { createLogClient, type LogConnection } from '#platform/log/log-client.ts'

/** How a thread reaches the log; plain data, so that it can be handed to it. */
export type LogLocation =
  | { kind: 'thread'; connection: LogConnection }
  | { kind: 'kafka'; settings: KafkaLocation }

/** What `openKafkaLog` takes, as far as it is data. */
export type KafkaLocation = Omit<KafkaSettings, 'logger'> & {
  partitions: number
  replicationFactor: number
  retentionMs: number
  createTopics: boolean
}

/** Rejects with one line for the operator when Kafka is away or its topics are not as they must be. */
export async function openRoleLog(location: LogLocation, logger: Logger): Promise<EventLog> {
  const onDamage = (damage: object): void => {
    logger.error('a record of the log cannot be read and is passed over', { ...damage })
  }
  return location.kind === 'kafka'
    ? openKafkaLog({ ...location.settings, logger, onDamage })
    : createLogClient(location.connection, { onDamage })
}
