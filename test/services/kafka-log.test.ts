import { basename } from 'node:path'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { eventLogContract } from '../contract/event-log-contract.ts'
import { brokers, quiet } from './kafka.ts'

// The folder's name is new for each test, and the same when the log is opened again.
eventLogContract('Kafka log', async ({ folder }) => {
  const log = await openKafkaLog({
    brokers,
    topicPrefix: basename(folder),
    partitions: 8,
    replicationFactor: 1,
    retentionMs: 86_400_000,
    logger: quiet,
  })
  return { log, close: () => log.close() }
})
