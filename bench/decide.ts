import type { CampaignSpec, ChannelName, GuardrailSettings, TreatmentSpec } from '#contracts/campaign.ts'
import {
  type Candidate,
  type DecisionCampaign,
  type DecisionInput,
  headKey,
  type PolicySnapshot,
} from '#contracts/decision.ts'
import {
  allow,
  type CampaignFacts,
  type ContactSlot,
  type CustomerFacts,
  type GuardrailOutcome,
} from '#contracts/guardrail.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { decide } from '#decision/decide.ts'
import { featureDimensions, featureSchemaV1 } from '#decision/features.ts'
import { decodeDecision } from '#decision/record.ts'
import { type CandidateToJudge, createGuardrailRunner } from '#guardrails/run/evaluate.ts'
import { loadGuardrails } from '#guardrails/run/load-guardrails.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

/**
 * Decisions per second in one thread: the facts of 20 candidates are put together, guarded, decided and
 * recorded. 10 campaigns in 2 channels, 64 dense features, 5 contacts, 2 caps, quiet hours. Divided by a
 * bare loop of the arithmetic alone, in alternating rounds, so that a busy machine slows both alike.
 */
const rounds = 31
const decisionsPerRound = 4_000
const ratioMin = 0.25

const now = Date.UTC(2026, 5, 15, 12, 0)
const hourMs = 3_600_000
const random = createSeededRandom(20, 64)
const channels: ChannelName[] = ['email', 'sms']
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC']

const specs = Array.from({ length: Number(process.env.CAMP ?? 1) }, (_, index) =>
  makeSpec(`campaign-${index}`, 10 / Number(process.env.CAMP ?? 1)),
)
const snapshot = makeSnapshot(specs)
const customers = Array.from({ length: 512 }, (_, index) => makeCustomer(index))
const decisionIds = Array.from({ length: 4_096 }, (_, index) => stableId('bench', String(index)))
const settings: GuardrailSettings = {
  frequencyCaps: [
    { sendsMax: 6, window: { hours: 168 } },
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

const bareHeads = Array.from({ length: 20 }, () => gaussians(featureDimensions))
let workDone = 0
const unjudged: GuardrailOutcome = { verdict: allow, by: '', objections: [] }
const complete: string[] = []

const ours: number[] = []
const bare: number[] = []
for (let round = 0; round < rounds; round += 1) {
  ours.push(decisionsPerRound / secondsOf(() => runDecisions(round)))
  bare.push(decisionsPerRound / secondsOf(runBareLoop))
}
// The first rounds warm the compiler up.
const value = median(ours.slice(8))
const baseline = median(bare.slice(8))
const ratio = value / baseline
const { scored, bytes } = describeOne()
console.log(`${scored} of 20 candidates scored in the first decision, ${bytes} bytes of record`)
console.log(
  JSON.stringify({
    bench: 'decide',
    value: Math.round(value),
    baseline: Math.round(baseline),
    ratio: Math.round(ratio * 1_000) / 1_000,
    baseline_is: '20 dot products of 64 doubles with one accumulator, 20 logistic functions, one draw',
  }),
)
process.exitCode = ratio >= ratioMin && workDone > 0 ? 0 : 1

function runDecisions(round: number): number {
  let bytes = 0
  for (let i = 0; i < decisionsPerRound; i += 1) {
    const customer = customers[i % customers.length]!
    bytes += decide(inputOf(customer, decisionIds[(i + round) % decisionIds.length]!)).record.length
  }
  return bytes
}

/** What the pipeline does for each trigger: facts, verdicts, input. */
function inputOf({ facts, features }: BenchCustomer, decisionId: string): DecisionInput {
  const campaigns: DecisionCampaign[] = []
  const candidates: Candidate[] = []
  const toJudge: CandidateToJudge[] = []
  for (let campaignIndex = 0; campaignIndex < specs.length; campaignIndex += 1) {
    const spec = specs[campaignIndex]!
    const { campaignId } = spec
    const campaign = campaignFacts(spec)
    campaigns.push({ campaignId, version: 1, spec, heldOut: false, arm: '' })
    for (let treatmentIndex = 0; treatmentIndex < spec.treatments.length; treatmentIndex += 1) {
      const { channel, costMicros, offer } = spec.treatments[treatmentIndex]!
      const address = channel === 'email' ? 'ada@example.com' : '+4915112345678'
      toJudge.push({ campaign, candidate: { channel, costMicros, address, offer } })
      candidates.push({
        campaignIndex,
        treatmentIndex,
        channel,
        fatigue: 0,
        guardrails: unjudged,
        missingVariables: complete,
      })
    }
  }
  const stage = 'decision' as const
  const base = { stage, now, workspace, settings, customer: facts, transactional: false, messageId: '' }
  const outcomes = runner.evaluateMany(base, toJudge)
  for (let i = 0; i < candidates.length; i += 1) candidates[i]!.guardrails = outcomes[i]!
  return {
    workspace: 'bench',
    decisionId,
    customerId: facts.customerId,
    trigger: { kind: 'event', triggerId: 'a2f1c3d4-0b5e-4d8a-9c77-1f2e3d4c5b6a', step: 0 },
    decidedAt: now,
    featureSchema: featureSchemaV1,
    features,
    snapshot,
    campaigns,
    candidates,
  }
}

function campaignFacts(spec: CampaignSpec): CampaignFacts {
  const { campaignId } = spec
  return { campaignId, version: 1, state: 'live', spec, heldOut: false, spentMicros: 0, goalMet: false }
}

function runBareLoop(): number {
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

interface BenchCustomer {
  facts: CustomerFacts
  features: Float64Array
}

function makeCustomer(index: number): BenchCustomer {
  const customerId = stableId('bench', 'customer', String(index))
  const contacts = Array.from({ length: 5 }, (_, c): ContactSlot => {
    const at = now - Math.floor(random.next() * 160 * hourMs)
    const channel = channels[c % 2]!
    const campaignId = `campaign-${c}`
    return {
      messageId: stableId(customerId, String(c)),
      channel,
      campaignId,
      state: 'sent',
      at,
      transactional: false,
    }
  })
  const facts: CustomerFacts = {
    customerId,
    zone: zones[index % zones.length]!,
    consents: { email: 'granted', sms: 'granted' },
    suppressions: {},
    contacts,
    globalHoldout: false,
  }
  return { facts, features: gaussians(featureDimensions) }
}

function makeSpec(campaignId: string, offers: number): CampaignSpec {
  const treatments = Array.from({ length: offers * 2 }, (_, index): TreatmentSpec => {
    const channel = channels[index % 2]!
    const template = { id: `${channel}-hello`, channel, subject: '', html: '', text: '', defaults: {} }
    const variants = ['short', 'long'].map((variantId) => ({ variantId, weight: 1, template }))
    const offer = { id: `offer-${index >> 1}`, name: 'Ten percent off', value: 5, available: true, facts: {} }
    const treatmentId = `${offer.id}/${channel}`
    return { treatmentId, offer, channel, costMicros: 7_500, valueMicros: 5_000_000, lever: 1, variants }
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
    features: [],
  }
}

function makeSnapshot(all: CampaignSpec[]): PolicySnapshot {
  const heads = new Map<string, Float64Array>()
  for (const { campaignId, treatments } of all) {
    heads.set(headKey(campaignId, 'nothing'), gaussians(featureDimensions))
    for (const { treatmentId } of treatments)
      heads.set(headKey(campaignId, treatmentId), gaussians(featureDimensions))
  }
  const snapshotId = stableId('bench', 'snapshot')
  return { snapshotId, sequence: 1, t: 5_000, boundMicros: 10_000_000, featureSchema: featureSchemaV1, heads }
}

/** Roughly normal, mean 0, standard deviation .3: responses between a few per cent and nearly all. */
function gaussians(length: number): Float64Array {
  const uniform = () => random.next() - 0.5
  return Float64Array.from({ length }, () => 0.52 * (uniform() + uniform() + uniform() + uniform()))
}

function describeOne(): { scored: number; bytes: number } {
  const { record } = decide(inputOf(customers[0]!, decisionIds[0]!))
  const scored = decodeDecision(record).candidates.filter((c) => !Number.isNaN(c.scoreMicros)).length
  return { scored, bytes: record.length }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
