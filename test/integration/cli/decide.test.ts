import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PlacementAnswer } from '../../../src/pipeline/placement/placement-request.ts'
import { placementYaml } from '../api/placement-world.ts'
import { type CliWorld, openCliWorld } from './cli-world.ts'

let world: CliWorld
beforeAll(async () => {
  world = openCliWorld()
  await world.serve()
  writeFileSync(join(world.folder, 'placement.yaml'), placementYaml)
  for (const args of [
    ['apply', 'placement.yaml'],
    ['campaign', 'approve', 'home'],
    ['campaign', 'launch', 'home'],
  ])
    expect((await world.run(args)).code).toBe(0)
})
afterAll(() => world.close())

test('decide asks for a placement, for people and for programs; with its key the answer is the same', async () => {
  const asked = ['decide', '--placement', 'home-banner', '--user', 'ada', '--count', '3', '--key', 'visit-1']
  const first = await world.run([...asked, '--traits', '{"firstName":"Ada"}', '--json'])
  expect(first.code).toBe(0)
  const answer = first.json() as unknown as PlacementAnswer
  expect(answer).toMatchObject({ placement: 'home-banner', degraded: false, repeated: false })
  const again = (await world.run([...asked, '--json'])).json() as unknown as PlacementAnswer
  expect(again).toMatchObject({ decisionId: answer.decisionId, repeated: true })
  const shown = await world.run(asked)
  expect(shown.stdout).toContain(`Decision ${answer.decisionId}: ${answer.outcome}`)
  for (const { treatmentId } of answer.treatments) expect(shown.stdout).toContain(treatmentId)
})

test('decide says what is wrong with what it was given', async () => {
  const noObject = ['decide', '--placement', 'home-banner', '--user', 'ada', '--traits', '[]']
  expect(await world.run(noObject)).toMatchObject({ code: 64, stderr: expect.stringContaining('--traits') })
  const nobody = await world.run(['decide', '--placement', 'home-banner'])
  expect(nobody).toMatchObject({ code: 65, stderr: expect.stringContaining('an id, or traits') })
})
