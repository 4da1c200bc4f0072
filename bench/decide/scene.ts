import type { CampaignSpec, ChannelName, GuardrailSettings, TreatmentSpec } from '#contracts/campaign.ts'
import { type DecisionInput, headKey, type PolicySnapshot } from '#contracts/decision.ts'
import type { CampaignFacts, ContactSlot, CustomerFacts } from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { featureDimensions, featureSchemaV1, featureVector } from '#decision/features.ts'
import { createGuardrailRunner } from '#guardrails/run/evaluate.ts'
import { loadGuardrails } from '#guardrails/run/load-guardrails.ts'
import { candidatesOf } from '#pipeline/candidates.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { mailTemplate } from './mail.ts'

const now = Date.UTC(2026, 5, 15, 12, 0)
const hourMs = 3_600_000
const random = createSeededRandom(20, 64)
const channels: ChannelName[] = ['email', 'sms']
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC']
const traits = Array.from({ length: 12 }, (_, index) => `trait${index}`)
const settings: GuardrailSettings = {
  frequencyCaps: [
    { sendsMax: 6, window: { hours: 168 } },
    { sendsMax: 3, window: { localDays: 1 } },
    { sendsMax: 2, window: { hours: 24 }, channel: 'sms' },
  ],
  quietHours: { from: '21:00', until: '08:00' },
  globalHoldout: 0,
  consentRequired: ['email'],
}
const workspace: WorkspaceSettings = {
  workspace: 'bench',
  name: 'Bench',
  sendMode: 'outbox',
  allowlist: [],
  killSwitch: false,
  reportingCurrency: 'EUR',
  zone: 'UTC',
}
const runner = createGuardrailRunner(await loadGuardrails())

export interface Shape {
  campaigns: number
  /** Per campaign, each in 2 channels. */
  offers: number
  isDense: boolean
}

export interface BenchCustomer {
  facts: CustomerFacts
  features: Float64Array
  traits: JsonObject
}

export interface Scene {
  specs: CampaignSpec[]
  snapshot: PolicySnapshot
  customers: BenchCustomer[]
}

/** 512 customers, a campaign version or ten, and a policy that knows them. */
export function makeScene(shape: Shape): Scene {
  const specs = Array.from({ length: shape.campaigns }, (_, i) => makeSpec(`campaign-${i}`, shape.offers))
  const customers = Array.from({ length: 512 }, (_, i) => makeCustomer(i, shape.isDense))
  return { specs, snapshot: makeSnapshot(specs), customers }
}

/** What the pipeline does for each trigger: facts, verdicts, input. */
export function inputOf(scene: Scene, { facts, features }: BenchCustomer, decisionId: string): DecisionInput {
  const { specs, snapshot } = scene
  const stage = 'decision' as const
  const candidates = candidatesOf({
    guardrails: runner,
    facts: { stage, now, workspace, settings, customer: facts, transactional: false, messageId: '' },
    campaigns: specs.map(campaignFacts),
    addressOf: (channel) => (channel === 'email' ? 'ada@example.com' : '+4915112345678'),
    missingOf: () => null,
  })
  return {
    workspace: 'bench',
    decisionId,
    customerId: facts.customerId,
    trigger: { kind: 'event', triggerId: 'a2f1c3d4-0b5e-4d8a-9c77-1f2e3d4c5b6a', step: 0 },
    decidedAt: now,
    featureSchema: featureSchemaV1,
    features,
    snapshot,
    campaigns: specs.map(({ campaignId }, index) => {
      return { campaignId, version: 1, spec: specs[index]!, heldOut: false, arm: '' }
    }),
    candidates,
  }
}

function campaignFacts(spec: CampaignSpec): CampaignFacts {
  const { campaignId } = spec
  return { campaignId, version: 1, state: 'live', spec, heldOut: false, spentMicros: 0, goalMet: false }
}

function makeCustomer(index: number, isDense: boolean): BenchCustomer {
  const customerId = stableId('bench', 'customer', String(index))
  const zone = zones[index % zones.length]!
  const contacts = Array.from({ length: 6 }, (_, c): ContactSlot => {
    const at = now - Math.floor(random.next() * 320 * hourMs)
    const channel = channels[c % 2]!
    const messageId = stableId(customerId, String(c))
    return { messageId, channel, campaignId: `campaign-${c}`, state: 'sent', at, transactional: false }
  })
  const facts: CustomerFacts = {
    customerId,
    zone,
    consents: { email: 'granted', sms: 'granted' },
    suppressions: {},
    contacts,
    globalHoldout: false,
  }
  const profile = makeProfile()
  const features = isDense
    ? gaussians(featureDimensions)
    : featureVector({ profile, traits, contacts, now, zone })
  return { facts, features, traits: profile.traits }
}

function makeProfile() {
  const values: JsonObject = { firstName: 'Ada', city: 'London', plan: 'plus' }
  for (const trait of traits) values[trait] = `value ${Math.floor(random.next() * 6)}`
  const seen = (total: number, valueMicros: number) => ({
    total,
    firstAt: now - 40 * 24 * hourMs,
    lastAt: now,
    valueMicros,
    days: [],
  })
  return {
    traits: values,
    email: 'ada@example.com',
    firstSeenAt: now - Math.floor(random.next() * 400 * 24 * hourMs),
    lastSeenAt: now - Math.floor(random.next() * 24 * hourMs),
    counts: {
      page: seen(1 + Math.floor(random.next() * 80), 0),
      'Order Completed': seen(1 + Math.floor(random.next() * 5), Math.floor(random.next() * 300_000_000)),
      'Message Clicked': seen(1 + Math.floor(random.next() * 9), 0),
    },
    segments: {},
  }
}

function makeSpec(campaignId: string, offers: number): CampaignSpec {
  const treatments = Array.from({ length: offers * 2 }, (_, index): TreatmentSpec => {
    const channel = channels[index % 2]!
    const template = { ...mailTemplate, id: `${channel}-hello`, channel }
    const variants = ['short', 'long'].map((variantId) => ({ variantId, weight: 1, template }))
    const offer = { id: `offer-${index >> 1}`, name: 'An offer', value: 5, available: true, facts: {} }
    const treatmentId = `${offer.id}/${channel}`
    return {
      treatmentId,
      offer,
      channel,
      costMicros: channel === 'sms' ? 7_500 : 400,
      valueMicros: 5_000_000,
      lever: 1,
      variants,
    }
  })
  return {
    campaignId,
    name: campaignId,
    goal: { id: 'order', event: 'Order Completed', windowHours: 72 },
    alsoMeasure: [],
    trigger: { event: 'Product Viewed' },
    treatments,
    policy: { kind: 'inverse-gap' },
    holdout: 0.1,
    frequencyCaps: [],
    budgetMicros: 1_000_000_000,
    expiresAfterMs: 24 * hourMs,
    features: traits,
  }
}

function makeSnapshot(specs: CampaignSpec[]): PolicySnapshot {
  const heads = new Map<string, Float64Array>()
  for (const { campaignId, treatments } of specs) {
    heads.set(headKey(campaignId, 'nothing'), gaussians(featureDimensions))
    for (const { treatmentId } of treatments) {
      heads.set(headKey(campaignId, treatmentId), gaussians(featureDimensions))
    }
  }
  const snapshotId = stableId('bench', 'snapshot')
  return {
    snapshotId,
    sequence: 1,
    t: 5_000,
    boundMicros: 10_000_000,
    featureSchema: featureSchemaV1,
    heads,
  }
}

/** Roughly normal, mean 0, standard deviation .3: responses between a few per cent and nearly all. */
export function gaussians(length: number): Float64Array {
  const uniform = () => random.next() - 0.5
  return Float64Array.from({ length }, () => 0.52 * (uniform() + uniform() + uniform() + uniform()))
}
