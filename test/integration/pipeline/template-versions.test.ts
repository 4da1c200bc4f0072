import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Template, templateSchema } from '#contracts/campaign.ts'
import { loadRunningCampaigns } from '../../../src/campaign/campaign-rows.ts'
import { loadTemplate } from '../../../src/campaign/document-rows.ts'
import { explain } from '../../../src/pipeline/explain.ts'
import type { PolicyParts } from '../../../src/pipeline/policy-versions.ts'
import {
  promoteTemplate,
  proposeTemplate,
  rollBackTemplate,
  withdrawTemplate,
} from '../../../src/pipeline/template-versions.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  track,
  workspace,
} from './engine-world.ts'

const file = `
goals: [{ id: order, event: Order Completed, windowHours: 24 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Hello {{links.unsubscribe}}" }
  - { id: other, channel: email, subject: Other, text: "Other {{links.unsubscribe}}" }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    holdout: 0
    treatments:
      - { offer: tea, channel: email, variants: [{ id: a, template: hello, weight: 3 }] }
`
let world: EngineWorld
let parts: PolicyParts
const change = { workspace, actor: 'ann' }
const words = (subject: string, more: object = {}): Template =>
  templateSchema.parse({
    id: 'hello',
    channel: 'email',
    subject,
    text: 'Hello {{links.unsubscribe}}',
    ...more,
  })
const db = () => parts.store.read.workspace(workspace)
const variants = async () => {
  const [campaign] = await loadRunningCampaigns(db())
  return campaign!.spec.treatments[0]!.variants.map(({ variantId, weight, template }) => ({
    variantId,
    weight,
    template: template.id,
    subject: template.subject,
  }))
}
async function propose(subject: string): Promise<string> {
  const result = await proposeTemplate(parts, { ...change, template: words(subject), share: 0.5, note: '' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  return result.candidate.candidateId
}

/** Signs up so many and lets their windows end: new words bring 4 orders in ten sends, old ones 2. */
async function wave(name: string, count: number): Promise<void> {
  const from = world.clock.now()
  const users = Array.from({ length: count }, (_, i) => `${name}${i}`)
  for (let at = 0; at < count; at += 500) {
    const some = users.slice(at, at + 500)
    await world.take(...some.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
    await world.decide()
  }
  await world.send()
  world.clock.stepTo(from + hour)
  const drawn = new Map((await world.rows('decisions')).map((row) => [row.customer_id, row.variant_id]))
  const buyers = users.filter((user, i) => {
    const variant = drawn.get(customer(user)) ?? ''
    return variant !== '' && i % 10 < (variant === 'a' ? 2 : 4)
  })
  await world.take(...buyers.map((user) => track(user, 'Order Completed', `o-${user}`)))
  await world.decide()
  world.clock.stepTo(from + 3 * day)
  await world.engine.drain()
}

beforeAll(async () => {
  world = await openEngineWorld(file, { batchRecordsMax: 500 })
  parts = world.engine.parts
})
afterAll(() => world.close())

async function standingOf(user: string) {
  await world.take(identify(user), track(user, 'Signed Up', `s-${user}`))
  await world.decide()
  const decision = (await world.rows('decisions')).find((own) => own.customer_id === customer(user))
  const explained = await explain(parts.store.read, workspace, decision!.decision_id)
  if (explained.kind === 'refused') throw new Error(explained.fault.detail)
  return explained.template
}

test('words that are withdrawn leave everything as it was', async () => {
  const before = await variants()
  const candidateId = await propose('Good morning')
  expect(await variants()).toEqual([
    { variantId: 'a', weight: 1.5, template: 'hello', subject: 'Hello' },
    { variantId: 'a-v2', weight: 1.5, template: 'hello-v2', subject: 'Good morning' },
  ])
  expect(
    await proposeTemplate(parts, { ...change, template: words('Hi'), share: 0.5, note: '' }),
  ).toMatchObject({ fault: { code: 'conflict' } })
  const result = await withdrawTemplate(parts, { ...change, candidateId, reason: 'a typo' })
  expect(result).toMatchObject({ kind: 'changed', candidate: { state: 'withdrawn', settledBy: 'ann' } })
  expect(await variants()).toEqual(before)
  expect(await promoteTemplate(parts, { ...change, candidateId, override: null })).toMatchObject({
    fault: { code: 'conflict' },
  })
})

test('new words wait until their outcomes hold, and the refusal has its numbers', async () => {
  const candidateId = await propose('Good evening')
  const refused = await promoteTemplate(parts, { ...change, candidateId, override: null })
  expect(refused).toMatchObject({ fault: { code: 'gate_refused' }, verdict: { passed: false } })
  expect(refused.kind === 'refused' && refused.fault.detail).toMatch(/effective draws of the two/)
  await wave('first', 2_300)
  const result = await promoteTemplate(parts, { ...change, candidateId, override: null })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const { figures, delta } = result.verdict
  expect(figures.interval!.lower).toBeGreaterThan(-delta!)
  expect(figures.challenger.rate! - figures.champion.rate!).toBeCloseTo(figures.estimate, 1)
  expect(await variants()).toEqual([
    { variantId: 'a-v3', weight: 3, template: 'hello', subject: 'Good evening' },
  ])
  expect(await loadTemplate(db(), 'hello')).toMatchObject({
    version: 3,
    template: { subject: 'Good evening' },
  })
  const [row] = (await world.rows('audit')).filter((own) => own.action === 'template.promote')
  expect(JSON.parse(row!.detail_json)).toMatchObject({
    note: 'passed the promotion gate',
    templateId: 'hello',
    verdict: { passed: true },
  })
  expect(await standingOf('promoted')).toMatchObject({
    version: 3,
    standing: 'promoted',
    why: expect.stringMatching(
      /^promoted in place of version 1: passed the gate; 0\.\d+ conversions a send more/,
    ),
  })
  // What was applied before says nothing new: the definition has the promoted words too.
  const definitions = (await world.rows('documents')).filter((own) => own.document_id === 'welcome')
  const newest = definitions.sort((a, b) => a.version - b.version).at(-1)
  expect(JSON.parse(newest!.body_json).treatments[0].variants).toEqual([
    { id: 'a-v3', template: 'hello', weight: 3 },
  ])
})

test('one command puts the words before in force again', async () => {
  const result = await rollBackTemplate(parts, { ...change, templateId: 'hello', reason: 'wrong price' })
  expect(result).toMatchObject({
    kind: 'changed',
    candidate: { state: 'rolled-back', reason: 'wrong price' },
  })
  expect(await variants()).toEqual([{ variantId: 'a', weight: 3, template: 'hello', subject: 'Hello' }])
  expect(await loadTemplate(db(), 'hello')).toMatchObject({ version: 4, template: { subject: 'Hello' } })
  expect(await standingOf('back')).toMatchObject({
    version: 4,
    standing: 'rolled-back',
    why: 'in force again instead of version 3: wrong price',
  })
  expect(await rollBackTemplate(parts, { ...change, templateId: 'hello', reason: 'no' })).toMatchObject({
    fault: { code: 'not_found' },
  })
})

test('a named person lets words live against the gate, and the audit says who and why', async () => {
  const candidateId = await propose('Good night')
  const nobody = { ...change, actor: '', candidateId, override: 'because' }
  expect(await promoteTemplate(parts, nobody)).toMatchObject({ fault: { field: 'actor' } })
  const override = 'the old words name a price that is gone'
  const result = await promoteTemplate(parts, { ...change, actor: 'bea', candidateId, override })
  expect(result).toMatchObject({ kind: 'promoted', override, verdict: { passed: false } })
  const [row] = (await world.rows('audit')).filter((own) => own.action === 'template.override')
  expect(row).toMatchObject({ actor: 'bea', target: candidateId })
  expect(JSON.parse(row!.detail_json)).toMatchObject({ note: override, verdict: { passed: false } })
  expect(await standingOf('last')).toMatchObject({
    templateId: 'hello',
    version: 5,
    variantId: 'a-v5',
    standing: 'promoted',
    by: 'bea',
    why: `promoted in place of version 4: past the gate: ${override}`,
  })
})

test('what does not fit is refused before it is stored', async () => {
  const tried = async (template: Template) =>
    proposeTemplate(parts, { ...change, template, share: 0.5, note: '' })
  expect(await tried(words('Good night'))).toMatchObject({
    fault: { code: 'conflict', detail: 'these are the words of hello already' },
  })
  expect(await tried(words('x', { id: 'unknown' }))).toMatchObject({ fault: { code: 'not_found' } })
  expect(await tried(words('{{#if}}'))).toMatchObject({ fault: { code: 'invalid_definition' } })
  expect(await tried(words('x', { id: 'other' }))).toMatchObject({
    fault: { code: 'conflict', detail: 'no live campaign uses other: apply the new words instead' },
  })
})
