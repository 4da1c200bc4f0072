import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CampaignSpec, CampaignState, Goal } from '#contracts/campaign.ts'
import type { Store, WorkspaceRowOf } from '#platform/store/store.ts'
import { type UpliftReport, upliftReportSchema } from '../../../src/report/report-schema.ts'
import { buildUpliftReport } from '../../../src/report/uplift-report.ts'
import { openTestStore } from '../../support/test-store.ts'

export const WORKSPACE = 'shop'
export const ENTERED_AT = Date.UTC(2026, 0, 5)
const DAY_MS = 86_400_000

/** A new store in a folder of its own; `dispose` removes both. */
export async function newStore(): Promise<{ store: Store; dispose(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-report-'))
  const store = await openTestStore(folder)
  return {
    store,
    async dispose() {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export function goal(id: string, value = true): Goal {
  return {
    id,
    event: `${id} happened`,
    windowHours: 24 * 14,
    ...(value ? { value: { property: 'amount' } } : {}),
  }
}

export function campaign(overrides: Partial<CampaignSpec> = {}): CampaignSpec {
  return {
    campaignId: 'welcome',
    name: 'Welcome',
    goal: goal('purchase'),
    alsoMeasure: [],
    trigger: { event: 'Signed Up' },
    treatments: [],
    policy: { kind: 'inverse-gap' },
    holdout: 0.5,
    frequencyCaps: [],
    expiresAfterMs: DAY_MS,
    features: [],
    ...overrides,
  }
}

export function experiment(arms: [id: string, share: number, control?: boolean][]): CampaignSpec['policy'] {
  return {
    kind: 'fixed-split',
    experiment: { id: 'split', arms: arms.map(([id, share, control = false]) => ({ id, share, control })) },
  }
}

export interface Rows {
  assignments: WorkspaceRowOf<'assignments'>[]
  outcomes: WorkspaceRowOf<'outcomes'>[]
}

/** Rows as the pipeline writes them, built up in memory. */
export function createRows(campaignId = 'welcome') {
  const rows: Rows = { assignments: [], outcomes: [] }
  return {
    rows,
    /** One customer, entered at `ENTERED_AT` unless said otherwise. */
    enter(customerId: string, heldOut: boolean, arm = '', at = ENTERED_AT, version = 1) {
      rows.assignments.push({
        campaign_id: campaignId,
        customer_id: customerId,
        campaign_version: version,
        held_out: heldOut ? 1 : 0,
        arm,
        entered_at: at,
        decision_id: `decision-${customerId}`,
      })
    },
    /** One conversion, a day after `ENTERED_AT` unless said otherwise. */
    convert(customerId: string, goalId: string, valueMicros = 0, at = ENTERED_AT + DAY_MS) {
      rows.outcomes.push({
        day_utc: Math.floor(at / DAY_MS),
        outcome_id: `outcome-${rows.outcomes.length}`,
        customer_id: customerId,
        kind: 'conversion',
        campaign_id: campaignId,
        goal_id: goalId,
        event_id: '',
        message_id: '',
        value_micros: valueMicros,
        occurred_at: at,
      })
    },
  }
}

/** Treated and held-out customers of whom the first so many bought for one unit each. */
export function twoGroups(treated: { n: number; buyers: number }, heldOut: { n: number; buyers: number }) {
  const made = createRows()
  for (const [name, group] of Object.entries({ t: treated, h: heldOut })) {
    for (let i = 0; i < group.n; i += 1) made.enter(`${name}${i}`, name === 'h')
    for (let i = 0; i < group.buyers; i += 1) made.convert(`${name}${i}`, 'purchase', 1_000_000)
  }
  return made.rows
}

export async function insert(
  store: Store,
  { assignments, outcomes }: Rows,
  workspace = WORKSPACE,
): Promise<void> {
  await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    await db.bulkInsert('assignments', assignments, 'fail')
    await db.bulkInsert('outcomes', outcomes, 'fail')
  })
}

export async function insertVersion(store: Store, version: number, spec: CampaignSpec): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.workspace(WORKSPACE).bulkInsert(
      'campaign_versions',
      [
        {
          campaign_id: spec.campaignId,
          version,
          state: 'live',
          body_json: JSON.stringify(spec),
          actor: 'test',
          note: '',
          created_at: ENTERED_AT,
        },
      ],
      'fail',
    )
  })
}

/** Builds the report from a snapshot and holds it against its schema, as JSON. */
export async function report(
  store: Store,
  spec: CampaignSpec,
  input: { state?: CampaignState; now?: number; globalHoldout?: number } = {},
): Promise<UpliftReport> {
  const { state = 'live', now = ENTERED_AT + 30 * DAY_MS, globalHoldout = 0 } = input
  const built = await store.snapshot((scope) =>
    buildUpliftReport(scope.workspace(WORKSPACE), {
      spec,
      state,
      version: 1,
      now,
      currency: 'USD',
      globalHoldout,
    }),
  )
  return upliftReportSchema.parse(JSON.parse(JSON.stringify(built)))
}

/** A store with these rows, and the report on them. */
export async function reportOn(
  rows: Rows,
  spec: CampaignSpec,
  input: Parameters<typeof report>[2] = {},
): Promise<UpliftReport> {
  const { store, dispose } = await newStore()
  try {
    await insert(store, rows)
    return await report(store, spec, input)
  } finally {
    await dispose()
  }
}
