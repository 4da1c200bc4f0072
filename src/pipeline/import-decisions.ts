import type { DecisionCampaign } from '#contracts/decision.ts'
import { allowed } from '#contracts/guardrail.ts'
import { customerIdOf, dayUtcOf, decisionIdOf, stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { type AssignmentRow, insertAssignments } from '../campaign/assignment-rows.ts'
import { loadRunningCampaigns } from '../campaign/campaign-rows.ts'
import { decide } from '../decision/decide.ts'
import { decisionRowOf, insertDecisions } from '../decision/decision-rows.ts'
import { latestSnapshot } from '../learning/snapshot-rows.ts'
import { loadCustomers } from '../profile/customer-rows.ts'
import { newProfile } from '../profile/profile.ts'
import { featuresFor, featureTraits } from './decision-features.ts'
import { featuresOfSnapshot } from './feature-schema-for.ts'
import { emptySnapshot } from './workspace-context.ts'

/** One line of recorded history: who was given which arm of which experiment, when, with what probability. */
export interface RecordedDecision {
  userId: string
  campaign: string
  arm: string
  propensity: number
  /** Milliseconds UTC. */
  decidedAt: number
}

export interface ImportReport {
  imported: number
  refused: { line: number; field: string; detail: string }[]
}

/** Shares are written with limited digits: 0.3333 stands for a third. */
const propensityTolerance = 0.001

/**
 * Brings recorded history in as decisions of a live fixed-split campaign. Each becomes a decision record
 * and a row of the population, as if it had been made here; nothing is sent. The same line again changes
 * nothing.
 */
export async function importDecisions(
  store: Store,
  workspace: string,
  lines: RecordedDecision[],
  firstLine: number,
): Promise<ImportReport> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const campaigns = new Map(
      (await loadRunningCampaigns(db)).map((version) => [version.campaignId, version]),
    )
    const latest = await latestSnapshot(db)
    const snapshot = latest ?? emptySnapshot
    const schema = await featuresOfSnapshot(db, latest)
    const ids = lines.map((line) => customerIdOf(workspace, 'user', line.userId))
    const customers = await loadCustomers(db, ids)
    const report: ImportReport = { imported: 0, refused: [] }
    const assignments: AssignmentRow[] = []
    const decisions = []
    for (const [index, line] of lines.entries()) {
      const version = campaigns.get(line.campaign)
      const fault = faultOf(line, version)
      if (fault !== null || version === undefined) {
        report.refused.push({
          line: firstLine + index,
          field: fault?.field ?? 'campaign',
          detail: fault?.detail ?? '',
        })
        continue
      }
      const known = customers.get(ids[index] as string)
      const customerId = known?.mergedInto ?? (ids[index] as string)
      const campaign: DecisionCampaign = { ...version, heldOut: false, arm: line.arm }
      const triggerId = stableId(line.campaign, line.userId, String(line.decidedAt))
      const trigger = { kind: 'import' as const, triggerId, step: 0 }
      const input = {
        workspace,
        decisionId: decisionIdOf(workspace, customerId, trigger, dayUtcOf(line.decidedAt)),
        customerId,
        trigger,
        decidedAt: line.decidedAt,
        featureSchema: snapshot.featureSchema,
        ...featuresFor(schema, {
          profile: known?.profile ?? newProfile(line.decidedAt),
          ...featureTraits([version]),
          contacts: [],
          now: line.decidedAt,
          zone: known?.profile.zone ?? 'UTC',
        }),
        snapshot,
        campaigns: [campaign],
        candidates: version.spec.treatments.map(({ channel }, treatmentIndex) => ({
          campaignIndex: 0,
          treatmentIndex,
          channel,
          fatigue: 0,
          guardrails: allowed,
          missingVariables: [],
        })),
      }
      decisions.push(decisionRowOf(input, decide(input), line.decidedAt))
      assignments.push({
        campaignId: line.campaign,
        customerId,
        campaignVersion: version.version,
        heldOut: false,
        arm: line.arm,
        enteredAt: line.decidedAt,
        decisionId: input.decisionId,
      })
      report.imported += 1
    }
    await insertDecisions(db, decisions)
    await insertAssignments(db, assignments)
    return report
  })
}

function faultOf(
  line: RecordedDecision,
  version: Awaited<ReturnType<typeof loadRunningCampaigns>>[number] | undefined,
): { field: string; detail: string } | null {
  if (version === undefined) return { field: 'campaign', detail: `no campaign ${line.campaign} is live` }
  const { policy } = version.spec
  if (policy.kind !== 'fixed-split') {
    return {
      field: 'campaign',
      detail: `${line.campaign} is no fixed split: recorded history needs an experiment`,
    }
  }
  const arm = policy.experiment.arms.find((own) => own.id === line.arm)
  if (arm === undefined) return { field: 'arm', detail: `${policy.experiment.id} has no arm ${line.arm}` }
  if (!(Math.abs(arm.share - line.propensity) <= propensityTolerance)) {
    return { field: 'propensity', detail: `${line.propensity} is not the share of ${line.arm}, ${arm.share}` }
  }
  return null
}
