import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { logOptions, withAdmin } from './kafka.ts'

test('creates the four topics once, with explicit settings, and leaves them as they are', async () => {
  const options = logOptions({ partitions: 6, retentionMs: 3_600_000 })
  const log = await openKafkaLog(options)
  await log.close()
  const again = await openKafkaLog({ ...options, partitions: 5, retentionMs: 7_200_000 })
  expect(again.partitions).toBe(6)
  await again.close()

  const names = ['events', 'inbox', 'decisions', 'dead-letters'].map(
    (name) => `${options.topicPrefix}.${name}`,
  )
  const described = await withAdmin((admin) =>
    admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: 2, name })),
    }),
  )
  const settings = Object.fromEntries(
    described.resources.map(({ resourceName, configEntries }) => [
      resourceName.slice(options.topicPrefix.length + 1),
      Object.fromEntries(configEntries.map((entry) => [entry.configName, entry.configValue])),
    ]),
  )
  expect(settings.events).toMatchObject({
    'retention.ms': '3600000',
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'max.message.bytes': '4194304',
  })
  expect(settings.inbox).toMatchObject({ 'retention.ms': '3600000' })
  expect(settings.decisions).toMatchObject({ 'retention.ms': String(7 * 86_400_000) })
  expect(settings['dead-letters']).toMatchObject({ 'retention.ms': String(30 * 86_400_000) })
})

test('two processes that create the topics at once both get them', async () => {
  const options = logOptions()
  const logs = await Promise.all([openKafkaLog(options), openKafkaLog(options)])
  expect(logs.map((log) => log.partitions)).toEqual([4, 4])
  for (const log of logs) await log.close()
})

test('a missing topic, where creation is not wanted, is one line that names it', async () => {
  const options = logOptions({ createTopics: false })
  const line = await openKafkaLog(options).catch((error: Error) => error.message)
  const missing = ['events', 'inbox', 'decisions', 'dead-letters'].map(
    (name) => `${options.topicPrefix}.${name}`,
  )
  expect(line).toBe(
    `Kafka has no topic ${missing.join(', ')}: start once with STARLING_KAFKA_CREATE_TOPICS=true, or create it as docs/guides/kafka.md says`,
  )
})

test('too few partitions are one line that says what to do', async () => {
  const options = logOptions({ partitions: 2 })
  await (await openKafkaLog(options)).close()
  const line = await openKafkaLog({ ...options, partitions: 8 }).catch((error: Error) => error.message)
  expect(line).toContain(`${options.topicPrefix}.events has 2 partitions and the configuration asks for 8`)
  expect(line).not.toContain('\n')
})

test.each([
  ['refuses', async () => ({ address: '127.0.0.1:1', close: () => {} })],
  ['accepts and says nothing', silentServer],
])('a broker that %s is one line within some ten seconds', async (_, start) => {
  const server = await start()
  const startedMs = performance.now()
  const line = await openKafkaLog(logOptions({ brokers: [server.address] })).catch(
    (error: Error) => error.message,
  )
  server.close()
  expect(performance.now() - startedMs).toBeLessThan(12_000)
  expect(line).toMatch(/^Kafka at 127\.0\.0\.1:\d+ cannot be used: .*STARLING_KAFKA_BROKERS right\?$/)
  expect(line).not.toContain('\n')
})

async function silentServer(): Promise<{ address: string; close: () => void }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = server.address()
  return { address: `127.0.0.1:${typeof at === 'object' ? at?.port : 0}`, close: () => server.close() }
}
