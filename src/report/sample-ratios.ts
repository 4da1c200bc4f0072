import type { CampaignSpec, CampaignState } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { sampleRatioCheck, sequentialSampleRatio } from '#statistics/sample-ratio.ts'
import type { PopulationCell } from './population-rows.ts'
import type { SampleRatio } from './report-schema.ts'

const MISMATCH_BELOW_P = 0.001

export interface SampleRatios {
  /** Null while nobody is to be held out and nobody is. */
  holdout: SampleRatio | null
  /** Null without an experiment. */
  arms: SampleRatio | null
  /** The planned shares are not the same in all versions that customers entered under. */
  sharesChanged: boolean
}

/**
 * The groups' sizes against what was planned. Each customer is expected by the shares of the campaign
 * version they entered under, so that a change of shares is no mismatch; `globalHoldout` is today's.
 * Held out is who is held out of everything or of this campaign: 1 − (1 − g)(1 − h).
 */
export async function sampleRatios(
  db: WorkspaceDb,
  input: { spec: CampaignSpec; state: CampaignState; globalHoldout: number; cells: PopulationCell[] },
): Promise<SampleRatios> {
  const { spec, state, globalHoldout } = input
  const cells = merged(input.cells)
  const plans = await loadPlans(db, spec, cells)
  const heldOutShare = (plan: Plan) => 1 - (1 - globalHoldout) * (1 - plan.holdout)
  const holdout = createTable()
  const arms = createTable()
  for (const cell of cells) {
    const plan = plans.get(cell.campaignVersion) ?? planOf(spec)
    holdout.expect('treated', cell.customers * (1 - heldOutShare(plan)))
    holdout.expect('holdout', cell.customers * heldOutShare(plan))
    holdout.count(cell.heldOut ? 'holdout' : 'treated', cell.customers)
    if (cell.heldOut || plan.arms === null) continue
    // Planned ones first: the report lists them in the order of the experiment.
    for (const [arm, share] of plan.arms) arms.expect(arm, cell.customers * share)
    arms.count(cell.arm, cell.customers)
  }
  return {
    holdout:
      holdout.customersIn('holdout') > 0 || holdout.expectedIn('holdout') > 0
        ? check('holdout', holdout, state)
        : null,
    arms: arms.groups().length > 0 ? check('arm', arms, state) : null,
    sharesChanged: new Set([...plans.values()].map((plan) => JSON.stringify(plan))).size > 1,
  }
}

type Sized = Pick<PopulationCell, 'campaignVersion' | 'heldOut' | 'arm' | 'customers'>

/**
 * One cell a group and version, in order: a sum of shares has the same last digit however the customers were
 * paged and in whatever order the store gave them.
 */
function merged(cells: PopulationCell[]): Sized[] {
  const byKey = new Map<string, Sized>()
  for (const { campaignVersion, heldOut, arm, customers } of cells) {
    const key = `${String(campaignVersion).padStart(16, '0')}${heldOut ? 1 : 0}${arm}`
    const known = byKey.get(key)
    if (known === undefined) byKey.set(key, { campaignVersion, heldOut, arm, customers })
    else known.customers += customers
  }
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, cell]) => cell)
}

/** What a campaign version plans to do with those who enter; arms are [id, share]. */
interface Plan {
  holdout: number
  arms: [string, number][] | null
}

function planOf(spec: Pick<CampaignSpec, 'holdout' | 'policy'>): Plan {
  const { holdout, policy } = spec
  return {
    holdout,
    arms:
      policy.kind === 'fixed-split' && policy.shipped === undefined
        ? policy.experiment.arms.map(({ id, share }) => [id, share])
        : null,
  }
}

async function loadPlans(db: WorkspaceDb, spec: CampaignSpec, cells: Sized[]): Promise<Map<number, Plan>> {
  const versions = [...new Set(cells.map(({ campaignVersion }) => campaignVersion))]
  if (versions.length === 0) return new Map()
  const rows = await db
    .selectFrom('campaign_versions')
    .select(['campaign_versions.version', 'campaign_versions.body_json'])
    .where('campaign_versions.campaign_id', '=', spec.campaignId)
    .where('campaign_versions.version', 'in', versions)
    .execute()
  return new Map(rows.map((row) => [row.version, planOf(JSON.parse(row.body_json) as CampaignSpec)]))
}

function check(
  kind: SampleRatio['kind'],
  table: ReturnType<typeof createTable>,
  state: CampaignState,
): SampleRatio {
  const groups = table.groups()
  const counted = {
    counts: groups.map(({ customers }) => customers),
    weights: groups.map(({ expectedCustomers }) => expectedCustomers),
  }
  const { statistic, degreesOfFreedom, p } = sampleRatioCheck(counted)
  const sequentialP = sequentialSampleRatio(counted)
  const decidedBy = state === 'ended' ? 'chi-square' : 'sequential'
  return {
    kind,
    groups,
    chiSquare: { statistic: Number.isFinite(statistic) ? statistic : null, degreesOfFreedom, p },
    sequentialP,
    decidedBy,
    mismatch: (decidedBy === 'sequential' ? sequentialP : p) < MISMATCH_BELOW_P,
  }
}

function createTable() {
  const rows = new Map<string, { groupId: string; customers: number; expectedCustomers: number }>()
  const row = (groupId: string) => {
    const known = rows.get(groupId) ?? { groupId, customers: 0, expectedCustomers: 0 }
    rows.set(groupId, known)
    return known
  }
  return {
    count: (groupId: string, customers: number) => {
      row(groupId).customers += customers
    },
    expect: (groupId: string, customers: number) => {
      row(groupId).expectedCustomers += customers
    },
    customersIn: (groupId: string) => rows.get(groupId)?.customers ?? 0,
    expectedIn: (groupId: string) => rows.get(groupId)?.expectedCustomers ?? 0,
    groups: () => [...rows.values()],
  }
}
