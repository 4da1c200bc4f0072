import type { CampaignSpec, CampaignVersion } from '#contracts/campaign.ts'
import type { ApiErrorCode, ApiFault } from '#contracts/errors.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadStanding } from '../campaign/campaign-rows.ts'
import { insertDocuments, loadDocuments } from '../campaign/document-rows.ts'
import { isPerson } from '../campaign/lifecycle.ts'
import type { UpliftReport } from '../report/report-schema.ts'
import { campaignReport } from './campaign-report.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { relaunch } from './relaunch.ts'
import { touchWorkspace } from './workspace-context.ts'

export interface ShipRequest extends Change {
  campaignId: string
  armId: string
  note: string
  /** Ship although the stopping rule has not decided for the arm; needs a note. */
  override: boolean
}

export type ShipResult =
  | { kind: 'shipped'; version: CampaignVersion; note: string }
  | { kind: 'refused'; fault: ApiFault }

/**
 * Ships an arm of a live experiment: a new version of the campaign gives everybody its treatment, the holdout
 * excepted. Draft, approved and live by one person, whose command is the approval; the note of each has the
 * figures. The definition says it too, so that applying the old file shows what it would take back.
 */
export async function shipArm(parts: ChangeParts, request: ShipRequest): Promise<ShipResult> {
  const { store, clock } = parts
  const { workspace, campaignId, armId, actor } = request
  const now = clock.now()
  const report = await campaignReport(store, workspace, campaignId, now)
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const { running, waiting } = await loadStanding(db, campaignId)
    const fault = faultOf(request, running, waiting) ?? undecided(request, report)
    if (fault !== null || running === null) return refused(fault ?? notFound(campaignId))
    const note = noteOf(request, report)
    const spec = shippedSpec(running.spec, armId)
    await shipDefinition(db, request, now)
    const version = await relaunch(tx, workspace, { spec, actor, note, now })
    await touchWorkspace(tx, workspace)
    await audit(tx, request, now, 'campaign.ship', `${campaignId} ${armId}`, note)
    return { kind: 'shipped', version, note }
  })
}

function faultOf(
  { campaignId, armId, actor, note, override }: ShipRequest,
  running: CampaignVersion | null,
  waiting: CampaignVersion | null,
): ApiFault | null {
  if (running === null && waiting === null) return notFound(campaignId)
  if (!isPerson(actor)) return fault('invalid_request', 'shipping names the person who does it', 'actor')
  if (override && note.trim() === '')
    return fault('invalid_request', 'to ship before the rule has decided takes a note that says why', 'note')
  if (running?.state !== 'live')
    return fault('conflict', `${campaignId} is not live: only a live experiment ships an arm`)
  const { policy } = running.spec
  if (policy.kind !== 'fixed-split') return fault('conflict', `${campaignId} runs no experiment`)
  if (policy.shipped !== undefined)
    return fault('conflict', `arm ${policy.shipped} of ${campaignId} is shipped already`)
  if (waiting !== null) {
    const detail = `version ${waiting.version} of ${campaignId} waits as ${waiting.state}: launch or change it first`
    return fault('conflict', detail)
  }
  const arm = policy.experiment.arms.find(({ id }) => id === armId)
  if (arm === undefined) return fault('not_found', `${policy.experiment.id} has no arm ${armId}`)
  if (arm.treatment === undefined)
    return fault('conflict', `arm ${armId} sends nothing: end the campaign instead`)
  return null
}

function undecided({ armId, override }: ShipRequest, report: UpliftReport | null): ApiFault | null {
  const stopping = report?.stopping ?? null
  if (override || (stopping?.code === 'ship' && stopping.arm === armId)) return null
  const says = stopping === null ? 'the experiment has no stopping rule' : `it says: ${stopping.sentence}`
  return fault('experiment_not_decided', says)
}

/** `ship b (the rule's choice): conversions .0612 against .0493 …; anytime-valid 95 % … . Why.` */
function noteOf({ armId, note, override }: ShipRequest, report: UpliftReport | null): string {
  const goal = report?.comparisons.find(({ kind, treatedId }) => kind === 'arm' && treatedId === armId)
    ?.goals[0]
  const figures: string[] = []
  if (goal !== undefined) {
    const { treated, control, rate } = goal
    figures.push(
      `${goal.goalId}: ${treated.conversions} of ${treated.customers} against ${control.conversions} of ${control.customers}`,
    )
    const interval = rate.difference?.anytime
    if (interval != null)
      figures.push(
        `difference ${interval.lower.toFixed(4)} to ${interval.upper.toFixed(4)}, anytime-valid 95 %`,
      )
  }
  const by = override ? 'overriding the rule' : 'by the rule'
  return [`ship ${armId}, ${by}`, ...figures, note.trim()].filter((part) => part !== '').join('; ')
}

function shippedSpec(spec: CampaignSpec, armId: string): CampaignSpec {
  if (spec.policy.kind !== 'fixed-split') throw new TypeError(`${spec.campaignId} runs no experiment`)
  return { ...spec, policy: { ...spec.policy, shipped: armId } }
}

async function shipDefinition(
  db: WorkspaceDb,
  { campaignId, armId, actor }: ShipRequest,
  now: number,
): Promise<void> {
  const documents = await loadDocuments(db, 'campaign')
  const own = documents.find(({ id }) => id === campaignId)
  if (own === undefined) throw new Error(`the definition of ${campaignId} is missing`)
  const body = own.body as { policy: object }
  const shipped = { ...body, policy: { ...body.policy, shipped: armId } }
  await insertDocuments(db, [{ ...own, version: own.version + 1, body: shipped }], actor, now)
}

function notFound(campaignId: string): ApiFault {
  return fault('not_found', `there is no campaign ${campaignId}`)
}

function fault(code: ApiErrorCode, detail: string, field?: string): ApiFault {
  return { code, detail, ...(field === undefined ? {} : { field }) }
}

function refused(of: ApiFault): ShipResult {
  return { kind: 'refused', fault: of }
}
