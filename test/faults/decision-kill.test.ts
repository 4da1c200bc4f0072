import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PlacementAnswer } from '../../src/pipeline/placement/placement-request.ts'
import { placementYaml } from '../integration/api/placement-world.ts'
import { type CliWorld, openCliWorld, untilStored } from '../integration/cli/cli-world.ts'

let world: CliWorld
beforeEach(() => {
  world = openCliWorld()
})
afterEach(() => world.close())

const headers = { authorization: 'Bearer cli-admin-key', 'content-type': 'application/json' }
const rounds = 3
/** Answers after which the server is killed; the requests behind them are under way. */
const answersBeforeKill = 25

/** Every answer that came, until the server is gone. */
async function decideUntilKilled(url: string, round: number): Promise<PlacementAnswer[]> {
  const answers: PlacementAnswer[] = []
  let isKilled = false
  const lane = async (number: number): Promise<void> => {
    for (let i = 0; !isKilled; i += 1) {
      const body = {
        placement: 'home-banner',
        userId: `user-${number}`,
        idempotencyKey: `${round}-${number}-${i}`,
        count: 2,
      }
      try {
        const response = await fetch(`${url}/api/v1/decisions`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        })
        answers.push((await response.json()) as PlacementAnswer)
      } catch {
        return
      }
      if (answers.length === answersBeforeKill) {
        isKilled = true
        await world.stop('SIGKILL')
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, number) => lane(number)))
  return answers
}

test('what was answered is stored once, though the server is killed between the two', async () => {
  writeFileSync(join(world.folder, 'placement.yaml'), placementYaml)
  let url = await world.serve()
  for (const args of [
    ['apply', 'placement.yaml'],
    ['campaign', 'approve', 'home'],
    ['campaign', 'launch', 'home'],
  ])
    expect((await world.run(args)).code).toBe(0)
  const answered: PlacementAnswer[] = []
  for (let round = 0; round < rounds; round += 1) {
    answered.push(...(await decideUntilKilled(url, round)))
    url = await world.serve()
  }
  await untilStored(url)
  await world.stop()
  const database = new DatabaseSync(join(world.dataDir, 'store.db'), { readOnly: true })
  const rows = database.prepare('select decision_id, outcome, treatment_id from decisions').all()
  const stored = new Map(rows.map((row) => [row.decision_id, row]))
  expect(stored.size).toBe(rows.length)
  expect(answered.length).toBeGreaterThanOrEqual(rounds * answersBeforeKill)
  for (const { decisionId, outcome, treatments } of answered) {
    expect(stored.get(decisionId)).toMatchObject({ outcome })
    for (const own of treatments)
      expect(stored.get(own.decisionId)).toMatchObject({ treatment_id: own.treatmentId })
  }
  database.close()
}, 120_000)
