import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Presets, SingleBar } from 'cli-progress'
import type { DecisionInput, PolicySnapshot } from '#contracts/decision.ts'
import { allowed, type CustomerFacts, type GuardrailFacts } from '#contracts/guardrail.ts'
import { decide } from '#decision/decide.ts'
import { featureVector } from '#decision/features.ts'
import { decodeDecision } from '#decision/record.ts'
import { slotFloorShare } from '#decision/send-time.ts'
import { createGuardrailRunner } from '#guardrails/run/evaluate.ts'
import { loadGuardrails } from '#guardrails/run/load-guardrails.ts'
import { dayUtcOf, decisionIdOf } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import { createLearner } from '../src/learning/learner.ts'
import { insertRewards } from '../src/learning/reward-rows.ts'
import { latestSnapshot } from '../src/learning/snapshot-rows.ts'
import { sendSlotsOf } from '../src/pipeline/send-slots.ts'
import { emptySnapshot } from '../src/pipeline/workspace-context.ts'
import {
  bestHours,
  bestRate,
  campaign,
  createCustomers,
  otherRate,
  type SimulatedCustomer,
  segments,
} from './send-time/world.ts'

/**
 * 20,000 customers in four segments, one decision a day for 30 days, each for the 24 hours that follow. At
 * the planted hour of the segment 6 % respond, at every other hour 4 %. The slots come from the pipeline with
 * every guardrail asked for each hour, the choice from `decide`, and what is learned from the product's
 * learner, its store and its snapshots; rewards reach it at the end of each day. Nobody shows any activity,
 * so that only rewards can tell the hours apart.
 */
const customersCount = Number(process.env.CUSTOMERS ?? 20_000)
const days = 30
const shareMin = 0.6
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startsAt = Date.UTC(2026, 5, 1)
const workspace = 'bench'
const settings = {
  workspace,
  name: 'Bench',
  sendMode: 'outbox' as const,
  allowlist: [],
  killSwitch: false,
  reportingCurrency: 'EUR',
  zone: 'UTC',
}
const rules = { frequencyCaps: [], globalHoldout: 0, consentRequired: [] }

const guardrails = createGuardrailRunner(await loadGuardrails())
const customers = createCustomers(customersCount, startsAt)
const response = createSeededRandom(9, 20_000)
const folder = await mkdtemp(join(tmpdir(), 'starling-send-time-'))
const store = await openStore({ file: join(folder, 'store.db') })
const records = new Map<string, Uint8Array>()
let wallNow = startsAt
const learner = createLearner({
  store,
  wallClock: { now: () => wallNow },
  loadRecords: async (_, ids) => new Map(ids.map((id) => [id, records.get(id)!])),
  decodeFeatures: decodeDecision,
  onPublished: async () => {},
})
const bar = new SingleBar(
  { format: 'days {bar} {value}/{total}  {eta_formatted} left' },
  Presets.shades_classic,
)
if (process.stderr.isTTY) bar.start(days, 0)

let last = emptyDay()
let responses = 0
let sends = 0
for (let day = 0; day < days; day += 1) {
  last = await playDay(day, (await latestSnapshot(store.read.workspace(workspace))) ?? emptySnapshot)
  responses += last.responses
  sends += last.sends
  if (process.stderr.isTTY) bar.update(day + 1)
  else
    console.error(
      `day ${day + 1}: ${percent(last.best / last.sends)} at the best hour, ${percent(last.responses / last.sends)} respond`,
    )
}
bar.stop()
await store.close()
await rm(folder, { recursive: true })

const share = last.best / last.sends
const unseen = segments.flatMap((segment) => [...last.drawn[segment]].filter((count) => count === 0)).length
const keepsExploring = last.minProbability >= (slotFloorShare / 24) * 0.999
console.log(
  JSON.stringify({
    bench: 'send-time',
    value: thousandths(share),
    baseline: thousandths(1 / 24),
    ratio: thousandths(share * 24),
    min_probability: Number(last.minProbability.toPrecision(4)),
    hours_not_drawn_on_day_30: unseen,
    response_rate: thousandths(responses / sends),
    response_rate_day_30: thousandths(last.responses / last.sends),
    sends_day_30: last.sends,
    best_by_segment: Object.fromEntries(
      segments.map((segment) => {
        const drawn = last.drawn[segment]
        return [
          segment,
          thousandths(drawn[bestHours[segment]]! / drawn.reduce((sum, count) => sum + count, 0)),
        ]
      }),
    ),
    baseline_is: 'hours drawn evenly: the share of sends at the best hour on day 30 is 1/24, 4.08 % respond',
  }),
)
process.exitCode = share > shareMin && keepsExploring ? 0 : 1

interface Day {
  sends: number
  best: number
  responses: number
  minProbability: number
  drawn: Record<(typeof segments)[number], Int32Array>
}

function emptyDay(): Day {
  const drawn = Object.fromEntries(segments.map((segment) => [segment, new Int32Array(24)])) as Day['drawn']
  return { sends: 0, best: 0, responses: 0, minProbability: 1, drawn }
}

async function playDay(day: number, snapshot: PolicySnapshot): Promise<Day> {
  const seen = emptyDay()
  const taught: (WorkspaceRowOf<'rewards'> & { at: number })[] = []
  customers.forEach((customer, index) => {
    // Spread over the day: every window holds every hour once.
    const now = startsAt + day * dayMs + (index % 1_440) * 60_000
    const input = inputOf(customer, day, now, snapshot)
    const { choice, record } = decide(input)
    if (choice.kind !== 'treatment' && choice.kind !== 'nothing') throw new Error(choice.kind)
    records.set(input.decisionId, record)
    let y: 0 | 1 = 0
    let at = now
    if (choice.kind === 'treatment') {
      at = choice.dueAt
      y = send(seen, customer, record, at)
    }
    taught.push({ ...rewardOf(input.decisionId, now, choice.kind === 'nothing'), y, created_at: at, at })
  })
  taught.sort((a, b) => a.at - b.at)
  const rows = taught.map(({ at: _, ...row }) => row)
  await store.transaction((tx) => insertRewards(tx.workspace(workspace), rows))
  wallNow = startsAt + (day + 1) * dayMs
  while ((await learner.step(workspace)).rewards > 0) wallNow += 1_000
  records.clear()
  return seen
}

function send(seen: Day, { segment }: SimulatedCustomer, record: Uint8Array, dueAt: number): 0 | 1 {
  const hour = new Date(dueAt).getUTCHours()
  const isBest = hour === bestHours[segment]
  const y = response.next() < (isBest ? bestRate : otherRate) ? 1 : 0
  seen.sends += 1
  seen.best += isBest ? 1 : 0
  seen.responses += y
  seen.drawn[segment][hour]! += 1
  if (seen.sends % 10 === 0) seen.minProbability = Math.min(seen.minProbability, ...probabilitiesIn(record))
  return y
}

function probabilitiesIn(record: Uint8Array): number[] {
  return decodeDecision(record).sendTime?.probabilities ?? [0]
}

function inputOf(
  { customerId, profile }: SimulatedCustomer,
  day: number,
  now: number,
  snapshot: PolicySnapshot,
): DecisionInput {
  const customer: CustomerFacts = {
    customerId,
    zone: 'UTC',
    consents: {},
    suppressions: {},
    contacts: [],
    globalHoldout: false,
  }
  const facts: Omit<GuardrailFacts, 'campaign' | 'candidate'> = {
    stage: 'decision',
    now,
    workspace: settings,
    settings: rules,
    customer,
    transactional: false,
    messageId: '',
  }
  const { campaignId, treatments } = campaign
  const campaignFacts = {
    campaignId,
    version: 1,
    state: 'live' as const,
    spec: campaign,
    heldOut: false,
    spentMicros: 0,
    goalMet: false,
  }
  const trigger = { kind: 'event' as const, triggerId: `day-${day}`, step: 0 }
  const treatment = treatments[0]!
  return {
    workspace,
    decisionId: decisionIdOf(workspace, customerId, trigger, dayUtcOf(now)),
    customerId,
    trigger,
    decidedAt: now,
    featureSchema: 'v1',
    features: featureVector({ profile, traits: campaign.features, contacts: [], now, zone: 'UTC' }),
    snapshot,
    campaigns: [{ campaignId, version: 1, spec: campaign, heldOut: false, arm: '' }],
    candidates: [
      {
        campaignIndex: 0,
        treatmentIndex: 0,
        channel: 'email',
        fatigue: 0,
        guardrails: allowed,
        missingVariables: [],
      },
    ],
    sendSlots: () => sendSlotsOf({ guardrails, facts, profile }, campaignFacts, treatment, 'ada@example.com'),
  }
}

function rewardOf(decisionId: string, now: number, isNothing: boolean) {
  return {
    decision_id: decisionId,
    campaign_id: campaign.campaignId,
    decision_day_utc: dayUtcOf(now),
    head: isNothing ? 'nothing' : campaign.treatments[0]!.treatmentId,
    kind: 'reward' as const,
  }
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
