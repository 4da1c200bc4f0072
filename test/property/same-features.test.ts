import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FeatureSchema, noTail, type TailFeatures } from '#contracts/feature-schema.ts'
import type { Profile } from '#contracts/profile.ts'
import { createReportingCurrency } from '#platform/money/reporting-currency.ts'
import { loadContacts } from '../../src/action/message-rows.ts'
import { loadCampaignVersion } from '../../src/campaign/campaign-rows.ts'
import { builtInFeatureSchemas } from '../../src/decision/feature-schemas.ts'
import { decodeDecision } from '../../src/decision/record.ts'
import { ensureSnapshotFor } from '../../src/learning/snapshot-rows.ts'
import {
  type CustomerHistory,
  featureInputAsOf,
  loadCustomerHistories,
} from '../../src/pipeline/customer-history.ts'
import { touchWorkspace } from '../../src/pipeline/workspace-context.ts'
import { customerZone } from '../../src/profile/zone-of-place.ts'
import {
  customer,
  type EngineWorld,
  hour,
  openEngineWorld,
  workspace,
} from '../integration/pipeline/engine-world.ts'

/**
 * Training and serving see the same: random histories go through ingest, worker and sender; then what the
 * worker used (in its decisions' records), and what it held between two steps, is made again from the
 * stored events and messages, and compared to the bit.
 */
const traits = ['plan', 'age', 'tags', 'address.country']
const watched = ['gender']
const file = `
goals: [{ id: order, event: Order Completed, value: { property: revenue }, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }, { id: cake, name: Cake, value: 8 }]
templates: [{ id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }]
campaigns:
  - id: ask
    name: Ask
    goal: order
    trigger: { event: Asked }
    holdout: 0
    features: [${traits.join(', ')}]
    fairness: { attributes: [gender] }
    treatments:
      - { offer: tea, channel: email, variants: [{ id: a, template: hello }] }
      - { offer: cake, channel: email, variants: [{ id: a, template: hello }] }
`
const currency = createReportingCurrency('EUR', [])

const person = fc.constantFrom('ann', 'bob', 'cleo')
const visitor = fc.constantFrom('x', 'y')
const who = fc.oneof(
  { weight: 3, arbitrary: person.map((userId) => ({ userId })) },
  { weight: 1, arbitrary: visitor.map((anonymousId) => ({ anonymousId })) },
)
const given = fc.record(
  {
    plan: fc.constantFrom('gold', 'free', null),
    age: fc.integer({ min: 18, max: 90 }),
    tags: fc.array(fc.constantFrom('tea', 'cake', 7, true), { maxLength: 3 }),
    address: fc.constantFrom({ country: 'NP' }, { country: 'DE' }),
    timezone: fc.constantFrom('Asia/Kathmandu', 'America/New_York', 'nowhere'),
    phone: fc.constantFrom('+15550100', ''),
    city: fc.constantFrom('Oslo', 'Rome', 3, 40_000),
    gender: fc.constantFrom('f', 'm'),
  },
  { requiredKeys: [] },
)
const properties = fc.record(
  {
    category: fc.constantFrom('Shoes', 'Hats', 'Tea'),
    brand: fc.constantFrom('Acme', 'Zebra'),
    revenue: fc.constantFrom(0.1, 0.2, 12.34, 99),
    products: fc.array(
      fc.record({ category: fc.constantFrom('Tea', 'Coats'), product_id: fc.constantFrom('t1', 'c2') }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
)
const name = fc.constantFrom(
  'Asked',
  'Asked',
  'Order Completed',
  'Product Viewed',
  'Product Added',
  'Signed Up',
)
/** Minutes before its receipt: some come late, after newer ones. */
const lateMinutes = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6_000 }) },
)
const happening = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('track'), who, event: name, properties, lateMinutes }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('page'), who, properties, lateMinutes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('identify'),
      who: person.map((userId) => ({ userId })),
      traits: given,
      lateMinutes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('identify'),
      who: fc.record({ userId: person, anonymousId: visitor }),
      traits: given,
      lateMinutes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('alias'),
      who: person.map((userId) => ({ userId })),
      previousId: person,
      lateMinutes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('click'), nth: fc.nat(5), isScanner: fc.boolean() }),
  },
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never
const history = fc.array(
  fc.record({
    waitHours: fc.integer({ min: 1, max: 200 }),
    happenings: fc.array(happening, { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 5 },
)

for (const schema of builtInFeatureSchemas.values()) {
  test(`${schema.name}: the stored events make the features that the worker saw`, {
    timeout: 300_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const world = await openEngineWorld(file, { triggerMaxAgeMs: 24 * hour })
        try {
          await publish(world, schema)
          await play(world, schema, steps)
        } finally {
          await world.close()
        }
      }),
      {
        numRuns: 20,
        seed: 5,
        interruptAfterTimeLimit: 120_000,
        ...(process.env.STARLING_TEST_STORE === 'postgres' ? { numRuns: 4 } : {}),
      },
    )
  })
}

async function publish({ engine: { parts } }: EngineWorld, schema: FeatureSchema): Promise<void> {
  await parts.store.transaction(async (tx) => {
    const version = await loadCampaignVersion(tx.workspace(workspace), 'ask', 4)
    await ensureSnapshotFor(tx.workspace(workspace), version!.spec, 1, schema)
    await touchWorkspace(tx, workspace)
  })
}

async function play(
  world: EngineWorld,
  schema: FeatureSchema,
  steps: { waitHours: number; happenings: Happening[] }[],
) {
  const { store } = world.engine.parts
  const db = store.read.workspace(workspace)
  const seen: { at: number; customerId: string; dense: Float64Array; tail: TailFeatures }[] = []
  await world.take(
    ...['ann', 'bob'].map((userId, i) => ({
      type: 'identify',
      messageId: `i${i}`,
      userId,
      traits: { email: `${userId}@example.com` },
    })),
  )
  await world.engine.drain()
  let number = 0
  for (const { waitHours, happenings } of steps) {
    world.clock.stepTo(world.clock.now() + waitHours * hour)
    for (const own of happenings) {
      number += 1
      if (own.type === 'click') await click(world, own as { nth: number; isScanner: boolean }, number)
      else await world.take(messageOf(own, number, world.clock.now()))
    }
    await world.engine.drain()
    // Nothing happens within the hour: this is what a decision would see now.
    const at = world.clock.now() + hour / 2
    for (const row of await world.rows('customers')) {
      if (row.merged_into !== null) continue
      const profile = JSON.parse(row.profile_json) as Profile
      const contacts = (await loadContacts(db, [row.customer_id], 0)).get(row.customer_id) ?? []
      const vector = schema.vector({
        profile,
        traits,
        watched,
        contacts,
        now: at,
        zone: customerZone(profile, 'UTC'),
      })
      seen.push({ at, customerId: row.customer_id, ...vector })
    }
  }
  expect(world.errors).toEqual([])

  const customers = await world.rows('customers')
  const ids = customers.filter((row) => row.merged_into === null).map((row) => row.customer_id)
  const histories = new Map((await loadCustomerHistories(db, ids)).map((own) => [own.customerId, own]))
  for (const { at, customerId, dense, tail } of seen) {
    const own = histories.get(customerId)
    // Merged away since: only decisions before a merge can be made again.
    if (own === undefined) continue
    expect(again(schema, own, { kind: 'served', at })).toEqual({ dense, tail })
  }
  for (const row of await world.rows('decisions')) {
    const decoded = decodeDecision(row.record)
    expect(decoded.featureSchema).toBe(schema.name)
    const vector = again(schema, histories.get(row.customer_id)!, { kind: 'event', eventId: row.trigger_id })
    expect(vector?.dense).toEqual(decoded.features)
    expect(decoded.tail).toEqual(schema.decidesByTail ? vector?.tail : noTail)
  }
}

function again(schema: FeatureSchema, own: CustomerHistory, known: Parameters<typeof featureInputAsOf>[1]) {
  const input = featureInputAsOf(own, known, { traits, currency, zone: 'UTC' })
  return input === null ? null : schema.vector({ ...input, watched })
}

function messageOf(own: Happening, number: number, now: number): object {
  const { who, lateMinutes, ...message } = own as Happening & { who: object; lateMinutes: number }
  const timestamp = new Date(now - lateMinutes * 60_000).toISOString()
  return { ...message, ...who, messageId: `m${number}`, timestamp, sentAt: new Date(now).toISOString() }
}

/** Of one of the messages there are; of a customer nobody knows where there is none. */
async function click(
  world: EngineWorld,
  { nth, isScanner }: { nth: number; isScanner: boolean },
  number: number,
) {
  const messages = await world.rows('messages')
  const message = messages[nth % Math.max(1, messages.length)]
  const customerId = message?.customer_id ?? customer('nobody')
  const at = world.clock.now()
  const record = {
    v: 1,
    workspace,
    eventId: `c${number}`,
    customerId,
    kind: 'click',
    occurredAt: at,
    receivedAt: at,
  }
  const payload = {
    messageId: message?.message_id ?? 'none',
    ...(isScanner ? { suspectedScanner: true } : {}),
  }
  await world.append([
    { key: `${workspace}\u0000${customerId}`, body: JSON.stringify({ ...record, payload }) },
  ])
}
