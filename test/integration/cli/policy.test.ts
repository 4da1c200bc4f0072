import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shopYaml } from '../api/door-world.ts'
import { type CliWorld, openCliWorld } from './cli-world.ts'

let world: CliWorld
beforeAll(async () => {
  world = openCliWorld()
  const url = await world.serve()
  const call = (path: string, body: object) =>
    fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer cli-admin-key', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const yaml = shopYaml.replace(
    'policy: { kind: fixed-split, experiment: all }',
    'policy: { kind: inverse-gap }',
  )
  expect((await call('/workspace-file', { yaml })).status).toBe(200)
  for (const step of ['submit', 'approve', 'launch']) await call(`/campaigns/cart/${step}`, {})
}, 60_000)
afterAll(() => world.close())

test('a policy goes from a proposal past the gate by a person, and back', { timeout: 120_000 }, async () => {
  const list = await world.run(['policy', 'list'])
  expect(list).toMatchObject({ code: 0, stdout: expect.stringContaining('s0000000001') })
  const policy = JSON.stringify({ kind: 'greedy', floor: 0.1 })
  const proposed = await world.run(['policy', 'propose', '--policy', policy, '--note', 'try', '--json'])
  const { id } = proposed.json() as unknown as { id: string }
  const refused = await world.run(['policy', 'promote', id])
  expect(refused).toMatchObject({ code: 65, stdout: '' })
  expect(refused.stderr).toContain('cart: the log has no row to judge by')
  const promoted = await world.run(['policy', 'promote', id, '--override', 'first day', '--actor', 'bea'])
  expect(promoted.stdout).toContain(`${id} overrode the gate and is in force as s0000000002`)
  expect(await world.run(['policy', 'rollback'])).toMatchObject({ code: 64 })
  const back = await world.run(['policy', 'rollback', '--reason', 'no good'])
  expect(back.stdout).toContain('in force again, as s0000000003')
  const after = await world.run(['policy', 'list'])
  expect(after.stdout).toMatch(/s0000000003 .* rollback of s0000000001 +s0000000002/)
  expect((await world.run(['policy', 'show', 's0000000003'])).stdout).toContain('"publishedBy": "rollback"')
  const settings = await world.run([
    'policy',
    'settings',
    '--loss-max-share',
    '0.05',
    '--forget-half-life',
    '30',
  ])
  expect(settings.stdout).toContain('risk 5 % of what')
  expect(settings.stdout).toContain('half as much after 30 days')
})

test('new words go from a file past the gate by a person, and back', { timeout: 120_000 }, async () => {
  const words = [
    'templates:',
    '  - id: reminder',
    '    channel: email',
    '    subject: "Still thinking, {{customer.firstName}}?"',
    '    text: "{{offer.name}} {{links.unsubscribe}}"',
  ]
  writeFileSync(join(world.folder, 'words.yaml'), words.join('\n'))
  expect(await world.run(['template', 'propose', 'no-file.yaml'])).toMatchObject({ code: 65 })
  expect(await world.run(['template', 'propose', 'words.yaml', '--share', '2'])).toMatchObject({ code: 64 })
  const proposed = await world.run(['template', 'propose', 'words.yaml', '--share', '0.3', '--json'])
  const { id, places } = proposed.json() as unknown as { id: string; places: object[] }
  expect(places).toContainEqual({
    campaignId: 'cart',
    treatmentId: 'free-shipping/email',
    champion: 'plain',
    challenger: 'plain-v2',
    weight: 1,
  })
  const refused = await world.run(['template', 'promote', id])
  expect(refused).toMatchObject({ code: 65, stderr: expect.stringContaining('0 effective draws of the two') })
  const promoted = await world.run(['template', 'promote', id, '--override', 'a typo', '--actor', 'bea'])
  expect(promoted.stdout).toContain('reminder version 2 overrode the gate and is live.')
  const list = await world.run(['template', 'list', 'reminder'])
  expect(list.stdout).toMatch(/reminder version 2 +promoted +a typo/)
  const back = await world.run(['template', 'rollback', 'reminder', '--reason', 'worse'])
  expect(back.stdout).toContain('Version 2 of reminder is rolled back.')
})

test('features with a tail are chosen, and shown in the version', { timeout: 60_000 }, async () => {
  const chosen = await world.run(['policy', 'features', 'v3', '--reason', 'many shops'])
  expect(chosen).toMatchObject({ code: 0, stdout: expect.stringMatching(/look at v3 from version s\d+ on/) })
  const again = await world.run(['policy', 'features', 'v3'])
  const id = /already, by version (s\d+)/.exec(again.stdout)?.[1]
  expect((await world.run(['policy', 'show', id ?? ''])).stdout).toContain('"tailSlots": 65536')
  expect(await world.run(['policy', 'features', 'v2'])).toMatchObject({
    code: 65,
    stderr: expect.stringContaining('there are v1, v3'),
  })
})

test('a campaign is evaluated, or the reason is given', { timeout: 60_000 }, async () => {
  const { code, stdout } = await world.run(['evaluate', 'campaign', 'cart', '--target', 'uniform'])
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('No estimate:') })
  const unknown = await world.run(['evaluate', 'campaign', 'cart', '--target', 'always:none/email'])
  expect(unknown).toMatchObject({ code: 65, stderr: expect.stringContaining('has no treatment none/email') })
})

test('a CSV log is evaluated without a server', { timeout: 60_000 }, async () => {
  const lines = Array.from({ length: 2_000 }, (_, i) => `${i % 2 ? 'a' : 'b'},${i % 4 === 1 ? 1 : 0},0.5`)
  writeFileSync(join(world.folder, 'log.csv'), ['action,reward,propensity', ...lines].join('\n'))
  const shown = await world.run(['evaluate', 'csv', 'log.csv', '--target', 'always:a'])
  expect(shown.stdout).toMatch(/IPS +0\.5000 {2}\[0\.4/)
  const json = await world.run(['evaluate', 'csv', 'log.csv', '--target', 'uniform', '--json'])
  expect(json.json()).toMatchObject({ kind: 'evaluated', weights: { n: 2_000, effectiveRows: 2_000 } })
  const never = await world.run(['evaluate', 'csv', 'log.csv', '--target', 'always:c'])
  expect(never).toMatchObject({ code: 65, stderr: expect.stringContaining('the log never drew c') })
})
