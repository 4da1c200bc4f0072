import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventLog } from '#contracts/event-log.ts'
import { type KafkaLogOptions, openKafkaLog } from '#platform/log/kafka/kafka-log.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import { parseRequest } from '../../src/ingest/parse-request.ts'
import { assembleWorker } from '../../src/pipeline/roles/worker-role.ts'
import type { Worker } from '../../src/pipeline/worker.ts'
import { createIdentities } from '../../src/profile/identities.ts'
import {
  customer,
  type EngineWorld,
  identify,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from '../integration/pipeline/engine-world.ts'
import { createMemoryLogger, logOptions, readTopic } from './kafka.ts'

let world: EngineWorld
let options: KafkaLogOptions
let log: EventLog
const logger = createMemoryLogger()
beforeEach(async () => {
  world = await openEngineWorld(welcomeFile())
  options = logOptions({ partitions: 2 })
  log = await openKafkaLog(options)
  logger.lines.length = 0
})
afterEach(async () => {
  await log.close()
  await world.close()
})

const openWorker = (ownLog: EventLog) => assembleWorker({ ...world.engine.parts, log: ownLog, logger })

async function take(...events: object[]): Promise<void> {
  const ingest = createIngest({ log, identities: createIdentities(world.engine.parts.store) })
  const request = parseRequest(Buffer.from(JSON.stringify({ batch: events })), 'batch', ingest.limits)
  if (!('events' in request)) throw new Error(request.detail)
  expect(await ingest.ingest(workspace, request, start)).toMatchObject({ kind: 'accepted' })
}

async function drain(worker: Worker): Promise<void> {
  while ((await worker.lag()) > 0) await worker.step(200)
}

test('tells other systems each decision, and what could not be used', async () => {
  const worker = await openWorker(log)
  await take(identify('ann'), track('ann', 'Signed Up', 'e1'), { type: 'nonsense', userId: 'ann' })
  await log.append([{ key: 'x', body: 'no record' }])
  await drain(worker)

  const [row] = await world.rows('decisions')
  expect(await readTopic(`${options.topicPrefix}.decisions`, 1)).toEqual([
    {
      key: `${workspace}\0${customer('ann')}`,
      value: {
        v: 1,
        workspace,
        decisionId: row?.decision_id,
        customerId: customer('ann'),
        trigger: { kind: 'event', id: 'e1' },
        decidedAt: start,
        outcome: 'treatment',
        campaignId: row?.campaign_id,
        campaignVersion: row?.campaign_version,
        treatmentId: row?.treatment_id,
        variantId: row?.variant_id,
        propensity: row?.propensity,
        snapshotId: row?.snapshot_id,
      },
    },
  ])
  const letters = (await readTopic(`${options.topicPrefix}.dead-letters`, 2)).map(({ value }) => value)
  expect(letters).toContainEqual({
    v: 1,
    code: 'unreadable',
    partition: expect.any(Number),
    offset: expect.any(Number),
  })
  expect(letters).toContainEqual(
    expect.objectContaining({ workspace, code: 'unknown_type', body: expect.stringContaining('nonsense') }),
  )
  await worker.close()
})

test('what cannot be told now is neither stored nor set aside, and comes again', async () => {
  await take(identify('ann'), track('ann', 'Signed Up', 'e1'))
  let refusals = 0
  const deaf: EventLog = {
    ...log,
    publisher: {
      publish: async () => {
        refusals++
        return { kind: 'unavailable', reason: 'a test' }
      },
    },
  }
  const worker = await openWorker(deaf)
  const attempt = async () => {
    while (refusals < 4) await worker.step(200).catch(() => {})
  }
  await attempt()
  await worker.close()
  expect([...(await world.rows('decisions')), ...(await world.rows('rejected_events'))]).toEqual([])

  const hearing = await openWorker(log)
  await drain(hearing)
  expect(await world.decisionsOf('ann')).toEqual(['treatment'])
  expect(await readTopic(`${options.topicPrefix}.decisions`, 1)).toHaveLength(1)
  await hearing.close()
})

test('a log that cannot be the one the store has read is refused at the start, in one line', async () => {
  await take(identify('ann'), identify('bob'), identify('cid'), identify('dan'))
  const worker = await openWorker(log)
  await drain(worker)
  await worker.close()
  const younger = await openKafkaLog(logOptions({ partitions: 2 }))
  await expect(openWorker(younger)).rejects.toThrow(
    /^the event log's partition \d ends at 0, .* older than the store/,
  )
  await younger.close()
  const narrower = await openKafkaLog(logOptions({ partitions: 1 }))
  await expect(openWorker(narrower)).rejects.toThrow(
    'the store has read 2 partitions of the event log, and this log has 1: connect the log that belongs to the store',
  )
  await narrower.close()
})
