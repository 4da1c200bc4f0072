import type { CampaignSpec, ChannelName, GuardrailSettings, TreatmentSpec } from '#contracts/campaign.ts'
import { type DecisionInput, headKey, type PolicySnapshot } from '#contracts/decision.ts'
import type { CampaignFacts, ContactSlot, CustomerFacts } from '#contracts/guardrail.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { decide } from '#decision/decide.ts'
import { featureDimensions, featureSchemaV1, featureVector } from '#decision/features.ts'
import { decodeDecision } from '#decision/record.ts'
import { createGuardrailRunner } from '#guardrails/run/evaluate.ts'
import { loadGuardrails } from '#guardrails/run/load-guardrails.ts'
import { candidatesOf } from '#pipeline/candidates.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

/**
 * Decisions per second in one thread: the facts of 20 candidates are put together, guarded by every
 * guardrail, decided and recorded. Each customer has 6 contacts, 3 frequency caps that count them, quiet
 * hours and a vector of 64 features as `featureVector` makes it of 12 declared traits. Divided by a bare loop
 * of the arithmetic alone, all 64 terms of it, in alternating rounds: a busy machine slows both. Beside it
 * (`dense_ratio`) the same with vectors of which no feature is 0, and with the candidates in 10 campaigns.
 */
const rounds = 240
const warmUpRounds = 80
const decisionsPerRound = 500
const ratioMin = 0.25

const now = Date.UTC(2026, 5, 15, 12, 0)
const hourMs = 3_600_000
const random = createSeededRandom(20, 64)
const channels: ChannelName[] = ['email', 'sms']
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC']
const traits = Array.from({ length: 12 }, (_, index) => `trait${index}`)
const decisionIds = Array.from({ length: 4_096 }, (_, index) => stableId('bench', String(index)))
const bareHeads = Array.from({ length: 20 }, () => gaussians(featureDimensions))
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
let workDone = 0

const own = measure({ campaigns: 1, offers: 10, isDense: false })
const dense = measure({ campaigns: 1, offers: 10, isDense: true })
const tenCampaigns = measure({ campaigns: 10, offers: 1, isDense: true })
console.log(
  JSON.stringify({
    bench: 'decide',
    value: Math.round(own.value),
    baseline: Math.round(own.baseline),
    ratio: thousandths(own.ratio),
    dense_ratio: thousandths(dense.ratio),
    ten_campaigns_ratio: thousandths(tenCampaigns.ratio),
    baseline_is: '20 dot products of 64 doubles with one accumulator, 20 logistic functions, one draw',
  }),
)
process.exitCode = own.ratio >= ratioMin && workDone > 0 ? 0 : 1

interface Shape {
  campaigns: number
  /** Per campaign, each in 2 channels. */
  offers: number
  isDense: boolean
}

interface BenchCustomer {
  facts: CustomerFacts
  features: Float64Array
}

interface Scene {
  specs: CampaignSpec[]
  snapshot: PolicySnapshot
  customers: BenchCustomer[]
}

function measure(shape: Shape): { value: number; baseline: number; ratio: number } {
  const specs = Array.from({ length: shape.campaigns }, (_, i) => makeSpec(`campaign-${i}`, shape.offers))
  const customers = Array.from({ length: 512 }, (_, i) => makeCustomer(i, shape.isDense))
  const scene = { specs, snapshot: makeSnapshot(specs), customers }
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    ours.push(decisionsPerRound / secondsOf(() => runDecisions(scene, round)))
    bare.push(decisionsPerRound / secondsOf(() => runBareLoop(customers)))
  }
  const value = median(ours.slice(warmUpRounds))
  const baseline = median(bare.slice(warmUpRounds))
  // By pairs: what slows the machine for a while slows both halves of a round.
  const ratio = median(ours.map((perSecond, round) => perSecond / bare[round]!).slice(warmUpRounds))
  console.log(`${describe(scene, shape)}: ${Math.round(value)} decisions/s, ratio ${ratio.toFixed(3)}`)
  return { value, baseline, ratio }
}

function describe(scene: Scene, { campaigns, offers, isDense }: Shape): string {
  const inputs = scene.customers.map((customer) => inputOf(scene, customer, decisionIds[0]!))
  const decoded = inputs.map((input) => decodeDecision(decide(input).record))
  const scored = decoded.map(
    ({ candidates }) => candidates.filter(({ probability }) => probability > 0).length,
  )
  const present = decoded.map(({ features }) => features.filter((feature) => feature !== 0).length)
  const bytes = inputs.map((input) => decide(input).record.length)
  const vectors = `${isDense ? 'dense' : 'sparse'} vectors (${mean(present)} of 64 not 0)`
  const candidates = `${campaigns} × ${offers} × 2 candidates (${mean(scored)} scored)`
  return `${candidates}, ${vectors}, ${mean(bytes)} bytes a record`
}

function runDecisions(scene: Scene, round: number): number {
  const { customers } = scene
  let bytes = 0
  for (let i = 0; i < decisionsPerRound; i += 1) {
    const customer = customers[i % customers.length]!
    const decisionId = decisionIds[(i + round) % decisionIds.length]!
    bytes += decide(inputOf(scene, customer, decisionId)).record.length
  }
  return bytes
}

/** What the pipeline does for each trigger: facts, verdicts, input. */
function inputOf(scene: Scene, { facts, features }: BenchCustomer, decisionId: string): DecisionInput {
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

function runBareLoop(customers: BenchCustomer[]): number {
  let chosen = 0
  for (let i = 0; i < decisionsPerRound; i += 1)
    chosen += bareDecision(customers[i % customers.length]!.features)
  return chosen
}

function bareDecision(features: Float64Array): number {
  let sum = 0
  for (let head = 0; head < bareHeads.length; head += 1) {
    const weights = bareHeads[head]!
    let dot = 0
    for (let d = 0; d < 64; d += 1) dot += weights[d]! * features[d]!
    sum += 1 / (1 + Math.exp(-dot))
  }
  return Math.floor((random.next() * sum) % bareHeads.length)
}

/** The sum keeps the results of both loops alive, so that neither is optimised away. */
function secondsOf(work: () => number): number {
  const startedAt = performance.now()
  workDone += work()
  return (performance.now() - startedAt) / 1_000
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
  const features = isDense
    ? gaussians(featureDimensions)
    : featureVector({ profile: makeProfile(), traits, contacts, now, zone })
  return { facts, features }
}

function makeProfile() {
  const values: JsonObject = {}
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
    const template = { id: `${channel}-hello`, channel, subject: '', html: '', text: '', defaults: {} }
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
function gaussians(length: number): Float64Array {
  const uniform = () => random.next() - 0.5
  return Float64Array.from({ length }, () => 0.52 * (uniform() + uniform() + uniform() + uniform()))
}

function mean(values: number[]): number {
  return Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / values.length) / 10
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
