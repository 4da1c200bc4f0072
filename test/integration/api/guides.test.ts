import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

const guides = new URL('../../../docs/guides/', import.meta.url)
const yaml = readFileSync(new URL('welcome.yaml', guides), 'utf8')

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
})
afterEach(() => world.close())

test('the first guide’s file applies, launches, and brings messages into the outbox', async () => {
  expect(await world.call('POST', '/workspace-file', { yaml })).toMatchObject({ status: 200 })
  for (const step of ['approve', 'launch'])
    await world.call('POST', `/campaigns/welcome/${step}`, { actor: 'ann' })
  for (let i = 0; i < 20; i++) {
    await world.identify(`u${i}`, { email: `u${i}@example.com`, ...(i === 0 ? {} : { firstName: 'Ada' }) })
    await world.track(`u${i}`, 'Signed Up')
  }
  const { body } = await world.call('GET', '/status')
  const { sent, ...others } = (body as unknown as { messages: Record<string, number> }).messages
  expect(sent).toBeGreaterThan(5)
  expect(others).toEqual({ queued: 0, sending: 0, failed: 0, unknown: 0, lapsed: 0 })
  const preview = { templateId: 'welcome-mail', customer: 'u1', offerId: 'ten-percent' }
  expect((await world.call('POST', '/templates/preview', preview)).body).toMatchObject({
    missing: [],
    content: { subject: 'Ada, 10 % off on your first order' },
  })
})

test('the conditions, split and rules that the campaign guide shows are valid', async () => {
  const text = readFileSync(new URL('campaigns.md', guides), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
  const [condition = '', arms = '', policy = ''] = blocks
  const rules = blocks.find((block) => block.startsWith('guardrails:')) ?? ''
  const layer = /^ {4}(group|stopping): .*\n/gm
  const added = blocks.flatMap((block) => block.match(layer) ?? []).join('')
  const hour = blocks.flatMap((block) => block.match(/sendTime: .*\n/g) ?? []).join('')
  expect([added.match(layer)?.length, hour.length > 0]).toEqual([2, true])
  const indented = `${condition}${policy}${hour}`.trimEnd().replace(/^/gm, '    ')
  const own = yaml
    .replace(
      /^guardrails:[\s\S]*?(?=^campaigns:)/m,
      `${rules}${arms.replace(/^ {4}arms:/m, `${added}    arms:`)}segments: [{ id: employees, name: Employees, condition: { trait: staff, op: eq, value: true } }]\n`,
    )
    .replace(/^ {4}audience: .*$/m, indented)
  expect(own).toContain('experiment: two-offers')
  const { body } = await world.call('POST', '/workspace-file', { yaml: own, dryRun: true })
  expect(body).toMatchObject({ applied: false })
})

test('the cadence guide’s file applies and launches, and its triggers are valid', async () => {
  const onboarding = readFileSync(new URL('onboarding.yaml', guides), 'utf8')
  expect(await world.call('POST', '/workspace-file', { yaml: onboarding })).toMatchObject({ status: 200 })
  for (const step of ['approve', 'launch'])
    await world.call('POST', `/campaigns/onboarding/${step}`, { actor: 'ann' })
  await world.identify('u1', { email: 'u1@example.com' })
  await world.track('u1', 'Signed Up')
  expect((await world.call('GET', '/campaigns/onboarding')).body).toMatchObject({
    steps: expect.arrayContaining([
      { stepId: 'welcome', waiting: 0, passed: 1 },
      { stepId: 'two-days', waiting: 1, passed: 0 },
    ]),
  })
  const text = readFileSync(new URL('cadences.md', guides), 'utf8')
  const triggers = [...text.matchAll(/```yaml\n(trigger:.*?)```/gs)].map((match) => match[1] ?? '')
  expect(triggers).toHaveLength(2)
  const segment = 'segments: [{ id: lapsing, name: Lapsing, condition: { all: [] } }]'
  for (const trigger of triggers) {
    const own = onboarding.replace(/^ {4}trigger: .*$/m, trigger.trimEnd().replace(/^/gm, '    '))
    const answer = await world.call('POST', '/workspace-file', { yaml: `${own}${segment}`, dryRun: true })
    expect(answer).toMatchObject({ status: 200, body: { applied: false } })
  }
})

test('the broadcast guide’s file applies, starts and gives everybody their turn, and its trigger is valid', async () => {
  const sale = readFileSync(new URL('spring-sale.yaml', guides), 'utf8')
  expect(await world.call('POST', '/workspace-file', { yaml: sale })).toMatchObject({ status: 200 })
  await world.call('POST', '/campaigns/spring-sale/approve', { actor: 'ann' })
  await world.identify('u1', { email: 'u1@example.com', newsletter: true })
  await world.identify('u2', { email: 'u2@example.com' })
  expect(await world.call('POST', '/broadcasts/spring-sale/start')).toMatchObject({
    status: 200,
    body: { run: 1, customers: 2 },
  })
  await world.engine.drain()
  expect((await world.call('GET', '/broadcasts/spring-sale')).body).toMatchObject({
    state: 'running',
    audience: { counted: 1, expected: 1, waiting: 1 },
  })
  const text = readFileSync(new URL('broadcasts.md', guides), 'utf8')
  const [, trigger = ''] = /```yaml\n(trigger:.*?)```/s.exec(text) ?? []
  const own = sale.replace(/^ {4}trigger:[\s\S]*?(?=^ {4}audience)/m, trigger.replace(/^(?=.)/gm, '    '))
  expect(own).toContain('perMinute: 5000')
  const answer = await world.call('POST', '/workspace-file', { yaml: own, dryRun: true })
  expect(answer).toMatchObject({ status: 200, body: { applied: false } })
})

test('every link between the guides leads somewhere', () => {
  for (const file of [
    'getting-started',
    'events',
    'campaigns',
    'cadences',
    'broadcasts',
    'cli',
    'configuration',
    'http-api',
  ]) {
    const text = readFileSync(new URL(`${file}.md`, guides), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[\w-]+)?\)/g)) {
      expect(() => readFileSync(new URL(target, guides))).not.toThrow()
    }
  }
})
