import type { Goal } from '#contracts/campaign.ts'
import type { CustomerEvent, EngagementPayload } from '#contracts/event.ts'
import type { Profile } from '#contracts/profile.ts'
import { stableShare } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { compileCondition } from '../../profile/condition.ts'
import { listCustomerIds } from '../../profile/customer-rows.ts'
import { type CustomerHistory, featureInputAsOf, loadCustomerHistories } from '../customer-history.ts'
import { eventName } from '../process-batch.ts'
import type { HeadMeaning, TrainingData, TrainingRow, TrainingSources } from './training-data.ts'

export interface PropensityOptions {
  goal: Goal
  horizonDays: number
  seed: number
  /** Injected clock: what lies less than the horizon back is not known yet. */
  now: number
}

const dayMs = 86_400_000
/** Instants a customer is looked at: more of the same customer add little. */
const instantsPerCustomer = 4
const customersPerPage = 100
/** Of more customers a stable sample is taken: 4 instants of each are 200,000 rows, some 3 s an epoch. */
const customersMax = 50_000
/** A click or a conversion within this long after a message is a response to its channel. */
const responseMs = 3 * dayMs
/** No sign of life: mail programs open by themselves, and a placement is shown by the app. */
const unasked: ReadonlySet<string> = new Set(['open', 'outcome', 'decision'])

/**
 * Rows for propensity scores, from the events as stored: customers at random instants of their history with
 * what they did in the horizon after, and at each of their messages with whether they responded. Features are
 * those that a decision at that instant would have seen (`featureInputAsOf`); what was imported later counts as
 * if it had come in time.
 */
export async function propensityData(
  db: WorkspaceDb,
  sources: TrainingSources,
  options: PropensityOptions,
  onProgress: (done: number, total: number) => void,
): Promise<TrainingData> {
  const all = await listCustomerIds(db)
  const wanted = Math.min(1, customersMax / Math.max(1, all.length))
  const ids = all.filter((id) => stableShare('network-sample', db.workspace, id) < wanted)
  const rows: TrainingRow[] = []
  const channels = new Set<string>()
  for (let from = 0; from < ids.length; from += customersPerPage) {
    for (const history of await loadCustomerHistories(db, ids.slice(from, from + customersPerPage))) {
      rows.push(...historyRows(history, sources, options))
      for (const { channel } of history.messages) channels.add(channel)
    }
    onProgress(Math.min(ids.length, from + customersPerPage), ids.length)
  }
  const instants = rows.map(({ at }) => at)
  const limits = wanted < 1 ? [`A sample of ${ids.length} of ${all.length} customers.`] : []
  return {
    schema: sources.schema,
    traits: sources.traits,
    heads: headsOf(options, [...channels].sort()),
    rows,
    range: {
      from: instants.reduce((a, b) => Math.min(a, b), options.now),
      to: instants.reduce((a, b) => Math.max(a, b), 0),
    },
    customers: new Set(rows.map(({ customerId }) => customerId)).size,
    limits,
  }
}

function headsOf({ goal, horizonDays }: PropensityOptions, channels: string[]): HeadMeaning[] {
  return [
    { name: 'conversion', meaning: `meets the goal ${goal.id} within ${horizonDays} days` },
    {
      name: 'churn',
      meaning: `does nothing for ${horizonDays} days, of those who did something in the ${horizonDays} days before`,
    },
    ...channels.map((channel) => ({
      name: `channel-${channel}`,
      meaning: `clicks a message in ${channel}, or meets the goal ${goal.id}, within 3 days`,
    })),
  ]
}

function historyRows(
  history: CustomerHistory,
  sources: TrainingSources,
  options: PropensityOptions,
): TrainingRow[] {
  const rows: TrainingRow[] = []
  const row = (at: number, labelsOf: (profile: Profile) => Map<string, 0 | 1>): void => {
    const input = featureInputAsOf(history, { kind: 'history', at }, sources)
    if (input === null) return
    const labels = labelsOf(input.profile)
    const x = sources.schema.vector(input).dense
    if (labels.size > 0) rows.push({ customerId: history.customerId, at, x, labels })
  }
  for (const at of instantsOf(history, options))
    row(at, (profile) => laterLabels(history, at, profile, options))
  for (const message of history.messages) {
    const sentAt = message.transitions.find(({ state }) => state === 'sending')?.at
    if (sentAt === undefined || sentAt > options.now - responseMs) continue
    row(sentAt, (profile) => {
      const clicked = history.events.some(
        ({ event }) =>
          event.kind === 'click' &&
          (event.payload as EngagementPayload).messageId === message.messageId &&
          (event.payload as EngagementPayload).suspectedScanner !== true &&
          event.occurredAt <= sentAt + responseMs,
      )
      const responds = clicked || meets(history, options.goal, profile, sentAt, sentAt + responseMs)
      return new Map([[`channel-${message.channel}`, responds ? 1 : 0]])
    })
  }
  return rows
}

/** Spread over the customer's known past, the horizon before now left free; always the same ones for a seed. */
function instantsOf(
  { customerId, events }: CustomerHistory,
  { now, horizonDays, seed }: PropensityOptions,
): number[] {
  const first = events.reduce((min, { event }) => Math.min(min, event.occurredAt), Number.POSITIVE_INFINITY)
  const last = now - horizonDays * dayMs
  if (!(first < last)) return []
  return Array.from({ length: instantsPerCustomer }, (_, place) =>
    Math.floor(
      first + stableShare('network-instant', String(seed), customerId, String(place)) * (last - first),
    ),
  )
}

function laterLabels(
  history: CustomerHistory,
  at: number,
  profile: Profile,
  { goal, horizonDays }: PropensityOptions,
): Map<string, 0 | 1> {
  const until = at + horizonDays * dayMs
  const labels = new Map<string, 0 | 1>()
  labels.set('conversion', meets(history, goal, profile, at, until) ? 1 : 0)
  if (profile.lastSeenAt >= at - horizonDays * dayMs) {
    const active = history.events.some(
      ({ event }) => !unasked.has(event.kind) && event.occurredAt > at && event.occurredAt <= until,
    )
    labels.set('churn', active ? 0 : 1)
  }
  return labels
}

/** Whether the goal is met in (from, until]; its conditions on the customer are asked of the profile given. */
export function meets(
  { events }: CustomerHistory,
  goal: Goal,
  profile: Profile,
  from: number,
  until: number,
): boolean {
  const where = goal.where === undefined ? () => true : compileCondition(goal.where)
  return events.some(({ event }) => {
    if (event.kind === 'click' || unasked.has(event.kind)) return false
    if (event.occurredAt <= from || event.occurredAt > until) return false
    const own = event as CustomerEvent
    const name = eventName(own)
    if (name !== goal.event) return false
    return where({
      profile,
      now: event.occurredAt,
      event: { name, properties: own.payload.properties ?? {} },
    })
  })
}
