import { describe, expect, test } from 'vitest'
import { planApply } from '../../../src/campaign/apply.ts'
import {
  loadCampaign,
  loadCampaignHistory,
  loadRunningCampaigns,
} from '../../../src/campaign/campaign-rows.ts'
import {
  loadCurrencyRates,
  loadGuardrailSettings,
  loadSegments,
} from '../../../src/campaign/document-rows.ts'
import { apply, emptyStore, inShop, settings, shopFile, spring, step } from './support.ts'

const kinds = (plan: Awaited<ReturnType<typeof apply>>) =>
  plan.changes.map(({ kind, id, change }) => `${change} ${kind} ${id}`)

test('a first file creates its documents and a draft with all that it refers to', async () => {
  const store = await emptyStore()
  const plan = await apply(store, shopFile())
  expect(plan.faults).toEqual([])
  expect(kinds(plan)).toEqual([
    'create goal purchase',
    'create offer coffee',
    'create offer tea',
    'create template coffee-mail',
    'create template coffee-text',
    'create segment regulars',
    'create campaign spring',
  ])
  const campaign = await loadCampaign(store.read.workspace('shop'), 'spring')
  expect(campaign).toMatchObject({
    version: 1,
    state: 'draft',
    actor: 'ada',
    createdAt: 1000,
    spec: {
      goal: { event: 'Order Completed', windowHours: 72 },
      budgetMicros: 100_000_000,
      expiresAfterMs: 86_400_000,
      holdout: 0.1,
      treatments: [
        {
          treatmentId: 'coffee/email',
          costMicros: 7500,
          valueMicros: 12_500_000,
          variants: [{ variantId: 'a', weight: 1, template: { subject: 'Coffee' } }],
        },
      ],
    },
  })
})

test('the same file again changes nothing', async () => {
  const store = await emptyStore()
  await apply(store, shopFile())
  const again = await apply(store, shopFile())
  expect(new Set(again.changes.map(({ change }) => change))).toEqual(new Set(['unchanged']))
  expect([again.documents, again.versions]).toEqual([[], []])
  expect(await loadCampaignHistory(store.read.workspace('shop'), 'spring')).toHaveLength(1)
})

test('a dry run writes nothing', async () => {
  const store = await emptyStore()
  await inShop(store, (db) => planApply(db, shopFile(), settings))
  expect(await loadCampaign(store.read.workspace('shop'), 'spring')).toBeNull()
})

describe('a live campaign', () => {
  test('goes on under its version while the changed one waits as a draft', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve', 'launch')
    const plan = await apply(store, shopFile({ campaigns: [spring({ holdout: 0.2 })] }))
    const change = plan.changes.find(({ kind }) => kind === 'campaign')
    expect(change?.lines).toEqual([
      '~ holdout: 0.1 → 0.2',
      'draft version 4; version 3 stays live until it is launched',
    ])
    const db = store.read.workspace('shop')
    expect((await loadRunningCampaigns(db)).map(({ version, spec }) => [version, spec.holdout])).toEqual([
      [3, 0.1],
    ])
    await step(store, 'approve', 'launch')
    expect((await loadRunningCampaigns(db)).map(({ version, spec }) => [version, spec.holdout])).toEqual([
      [6, 0.2],
    ])
  })

  test.each([
    [
      'its offer',
      { offers: [{ id: 'coffee', name: 'Coffee', value: 13 }] },
      '~ treatments[0].offer.value: 12.5 → 13',
    ],
    [
      'its goal',
      {
        goals: [
          { id: 'purchase', event: 'Order Completed', value: { property: 'revenue' }, windowHours: 24 },
        ],
      },
      '~ goal.windowHours: 72 → 24',
    ],
    [
      'its template',
      { templates: [{ id: 'coffee-mail', channel: 'email', subject: 'Espresso', text: 'A cup?' }] },
      '~ treatments[0].variants[0].template.subject: "Coffee" → "Espresso"',
    ],
  ])('gets a draft when %s changes, also by a file that does not name it', async (_, part, line) => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve', 'launch')
    const rest = { goals: [], offers: [], templates: [], segments: [], campaigns: [] }
    const plan = await apply(store, shopFile({ ...rest, ...part }))
    const change = plan.changes.find(({ kind }) => kind === 'campaign')
    expect(change).toMatchObject({ id: 'spring', change: 'update' })
    expect(change?.lines).toContain(line)
    expect(plan.versions.map(({ version }) => version)).toEqual([4])
    expect(await loadCampaign(store.read.workspace('shop'), 'spring')).toMatchObject({
      version: 3,
      state: 'live',
    })
  })

  test('gets none when something changes that it does not refer to', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    const plan = await apply(
      store,
      shopFile({
        offers: [
          { id: 'coffee', name: 'Coffee', value: 12.5 },
          { id: 'tea', name: 'Green tea' },
        ],
      }),
    )
    expect(kinds(plan)).toContain('update offer tea')
    expect(plan.versions).toEqual([])
  })

  test('that has ended is left alone, until its own definition changes', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve', 'launch', 'end')
    const offers = [{ id: 'coffee', name: 'Coffee', value: 13 }]
    expect((await apply(store, shopFile({ offers, campaigns: [] }))).versions).toEqual([])
    expect((await apply(store, shopFile({ offers }))).versions).toMatchObject([{ version: 5 }])
    await step(store, 'approve', 'launch')
    expect(await loadRunningCampaigns(store.read.workspace('shop'))).toMatchObject([{ version: 7 }])
  })
})

test('guardrails, segments and rates are read in their newest version', async () => {
  const store = await emptyStore()
  const db = store.read.workspace('shop')
  expect(await loadGuardrailSettings(db)).toEqual({
    frequencyCaps: [],
    globalHoldout: 0,
    consentRequired: [],
  })
  const cap = { sendsMax: 3, window: { hours: 168 } }
  await apply(
    store,
    shopFile({
      guardrails: { frequencyCaps: [cap] },
      currencyRates: [{ currency: 'USD', validFrom: '2026-01-01', rate: 0.9 }],
    }),
  )
  await apply(store, shopFile({ guardrails: { frequencyCaps: [cap], globalHoldout: 0.05 } }))
  expect(await loadGuardrailSettings(db)).toMatchObject({ frequencyCaps: [cap], globalHoldout: 0.05 })
  expect(await loadSegments(db)).toMatchObject([{ id: 'regulars' }])
  expect(await loadCurrencyRates(db)).toMatchObject([{ currency: 'USD', rate: 0.9 }])
  expect(await loadSegments(store.read.workspace('other'))).toEqual([])
})

const treatment = { offer: 'coffee', channel: 'email', variants: [{ id: 'a', template: 'coffee-mail' }] }
const arms = [
  { id: 'none', share: 0.5, control: true },
  { id: 'mail', share: 0.5, treatment: 'coffee/email' },
]
const split = (patch: object) => ({ experiments: [{ id: 'split', arms, ...patch }] })

const news = { id: 'news', name: 'News', channels: ['email'], kind: 'opt-in' }

describe('faults name the field and nothing is written', () => {
  test.each([
    ['campaigns[0].goal', { campaigns: [spring({ goal: 'visit' })] }],
    ['campaigns[0].alsoMeasure[1]', { campaigns: [spring({ alsoMeasure: ['purchase', 'visit'] })] }],
    [
      'campaigns[0].treatments[1].offer',
      { campaigns: [spring({ treatments: [treatment, { ...treatment, offer: 'cake' }] })] },
    ],
    ['campaigns[0].treatments[1]', { campaigns: [spring({ treatments: [treatment, treatment] })] }],
    [
      'campaigns[0].treatments[0].channel',
      {
        campaigns: [
          spring({
            treatments: [{ ...treatment, channel: 'sms', variants: [{ id: 'a', template: 'coffee-text' }] }],
          }),
        ],
      },
    ],
    [
      'campaigns[0].treatments[0].variants[0].template',
      {
        campaigns: [
          spring({ treatments: [{ ...treatment, variants: [{ id: 'a', template: 'coffee-text' }] }] }),
        ],
      },
    ],
    [
      'campaigns[0].treatments[0].variants[1].id',
      {
        campaigns: [
          spring({
            treatments: [{ ...treatment, variants: [...treatment.variants, ...treatment.variants] }],
          }),
        ],
      },
    ],
    [
      'campaigns[0].policy.experiment',
      { campaigns: [spring({ policy: { kind: 'fixed-split', experiment: 'split' } })] },
    ],
    [
      'campaigns[0].policy.experiment',
      {
        ...split({ arms: [arms[0], { ...arms[1], treatment: 'tea/email' }] }),
        campaigns: [spring({ policy: { kind: 'fixed-split', experiment: 'split' } })],
      },
    ],
    ['campaigns[0].trigger.segmentEntered', { campaigns: [spring({ trigger: { segmentEntered: 'vips' } })] }],
    [
      'campaigns[0].audience.all[0].not.segment',
      { campaigns: [spring({ audience: { all: [{ not: { segment: 'vips' } }] } })] },
    ],
    [
      'campaigns[0].audience.any[0].property',
      { campaigns: [spring({ audience: { any: [{ property: 'sku', op: 'eq', value: 1 }] } })] },
    ],
    ['campaigns[0].topic', { campaigns: [spring({ topic: 'news' })] }],
    [
      'campaigns[0].topic',
      { subscriptionGroups: [{ ...news, channels: ['sms'] }], campaigns: [spring({ topic: 'news' })] },
    ],
    [
      'subscriptionGroups[0].doubleOptIn.email',
      { subscriptionGroups: [{ ...news, doubleOptIn: { email: 'none' } }] },
    ],
    [
      'subscriptionGroups[0].doubleOptIn.email',
      { subscriptionGroups: [{ ...news, doubleOptIn: { email: 'coffee-mail' } }] },
    ],
    [
      'subscriptionGroups[0].doubleOptIn',
      { subscriptionGroups: [{ ...news, kind: 'opt-out', doubleOptIn: { email: 'coffee-mail' } }] },
    ],
    ['subscriptionGroups[1].id', { subscriptionGroups: [news, news] }],
    ['campaigns[0].quietHours', { campaigns: [spring({ quietHours: { from: '08:00', until: '08:00' } })] }],
    ['campaigns[1].id', { campaigns: [spring(), spring()] }],
    ['experiments[0].arms', split({ arms: [arms[0], { ...arms[1], share: 0.4 }] })],
    ['experiments[0].arms', split({ arms: arms.map((arm) => ({ ...arm, control: true })) })],
    ['experiments[0].arms[1].treatment', split({ arms: [arms[0], { id: 'mail', share: 0.5 }] })],
    ['experiments[0].arms[1].id', split({ arms: [arms[0], { ...arms[1], id: 'none' }] })],
    [
      'offers[2].validUntil',
      {
        offers: [
          ...shopFile().offers,
          { id: 'cake', name: 'Cake', validFrom: '2026-02-01T00:00:00Z', validUntil: '2026-01-01T00:00:00Z' },
        ],
      },
    ],
    [
      'goals[1].value.currency',
      {
        goals: [
          ...shopFile().goals,
          { id: 'sale', event: 'Sale', value: { property: 'total', currency: 'USD' }, windowHours: 1 },
        ],
      },
    ],
    [
      'segments[0].condition',
      {
        segments: [
          { id: 'a', name: 'A', condition: { segment: 'b' } },
          { id: 'b', name: 'B', condition: { event: 'x', op: 'gt', value: 0 } },
          { id: 'b2', name: 'B', condition: { segment: 'a' } },
        ].map((each) => (each.id === 'b' ? { ...each, condition: { not: { segment: 'a' } } } : each)),
      },
    ],
    ['segments[0].condition.segment', { segments: [{ id: 'a', name: 'A', condition: { segment: 'vips' } }] }],
  ])('%s', async (field, patch) => {
    const store = await emptyStore()
    const { faults } = await apply(store, shopFile(patch))
    expect(faults.map((fault) => fault.field)).toContain(field)
    expect(await loadCampaign(store.read.workspace('shop'), 'spring')).toBeNull()
  })

  test('a template that a campaign outside of the file needs cannot change its channel', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    const templates = [{ id: 'coffee-mail', channel: 'sms', text: 'A cup?' }]
    const { faults } = await apply(store, shopFile({ campaigns: [], templates }))
    expect(faults).toEqual([
      {
        field: 'campaigns[spring].treatments[0].variants[0].template',
        detail: 'coffee-mail is for sms, not email',
      },
    ])
  })

  test('shares of three thirds add up', async () => {
    const store = await emptyStore()
    const thirds = ['a', 'b', 'c'].map((id, i) => ({
      id,
      share: 0.3333333333,
      control: i === 0,
      ...(i === 0 ? {} : { treatment: 'coffee/email' }),
    }))
    expect((await apply(store, shopFile(split({ arms: thirds })))).faults).toEqual([])
    const rough = thirds.map((arm) => ({ ...arm, share: 0.33 }))
    expect((await apply(store, shopFile(split({ arms: rough })))).faults).toEqual([
      { field: 'experiments[0].arms', detail: 'the shares add up to 0.99 instead of 1' },
    ])
  })
})
