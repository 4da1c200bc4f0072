import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Logger } from '#contracts/logger.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createIngest } from '../../../src/ingest/ingest.ts'
import { parseRequest } from '../../../src/ingest/parse-request.ts'
import { assembleWorker } from '../../../src/pipeline/roles/worker-role.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import {
  customer,
  type EngineWorld,
  identify,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

const people = Array.from({ length: 40 }, (_, i) => `person-${i}`)
const visits = 12

let world: EngineWorld
let folder: string
afterEach(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

test.each([1, 4])(
  'steps that overlap on %i partitions take each event once and in order',
  async (partitions) => {
    world = await openEngineWorld(welcomeFile())
    folder = mkdtempSync(join(tmpdir(), 'starling-overlap-'))
    const warnings: string[] = []
    const say = (line: string) => warnings.push(line)
    const logger: Logger = { error: say, warn: say, info() {}, debug() {} }
    const { parts } = world.engine
    const log = createInThreadLog({ file: join(folder, 'log.db'), partitions, wallClock: systemClock })
    const settings = { ...parts.settings, batchRecordsMax: 7 }
    const worker = await assembleWorker({ ...parts, log, logger, settings })
    const ingest = createIngest({ log, identities: createIdentities(parts.store) })
    const take = async (batch: object[]): Promise<void> => {
      const request = parseRequest(Buffer.from(JSON.stringify({ batch })), 'batch', ingest.limits)
      if (!('events' in request)) throw new Error(request.detail)
      expect(await ingest.ingest(workspace, request, start)).toMatchObject({ kind: 'accepted' })
    }
    await take(people.map((id) => identify(id)))
    for (let visit = 0; visit < visits; visit++)
      await take(people.map((id) => track(id, 'Visited', `${id}-${visit}`, { properties: { visit } })))
    await take(people.map((id) => track(id, 'Signed Up', `${id}-signed-up`)))

    const lane = async (): Promise<void> => {
      while ((await worker.lag()) > 0) await worker.step(0)
    }
    // Lag counts what is not polled yet: whoever finds none left may still have a step to wait for.
    do await Promise.all([lane(), lane(), lane()])
    while ((await worker.lag()) > 0)

    expect(warnings).toEqual([])
    expect(await world.rows('events')).toHaveLength(people.length * (visits + 2))
    const profiles = new Map(
      (await world.rows('customers')).map((row) => [row.customer_id, JSON.parse(row.profile_json)]),
    )
    for (const id of people) {
      expect(profiles.get(customer(id)).counts.Visited.total).toBe(visits)
      expect(await world.decisionsOf(id)).toEqual(['treatment'])
    }
    const counts = await world.rows('event_counts')
    const counted = counts.filter((row) => row.name === 'Visited').map((row) => row.events_count)
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(people.length * visits)
    expect((await world.rows('event_properties')).map((row) => row.property)).toContain('visit')
    await worker.close()
    await log.close()
  },
)
