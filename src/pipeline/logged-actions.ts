import type { CampaignVersion } from '#contracts/campaign.ts'
import type { DecodedDecision, PolicySnapshot } from '#contracts/decision.ts'
import { nothingHead } from '#contracts/decision.ts'
import { decideOtherwise } from '../decision/replay.ts'
import type { LogSelection } from './load-decision-log.ts'

/** What a target policy does with a moment that was decided before. */
export type EvaluationTarget =
  | { kind: 'snapshot'; snapshot: PolicySnapshot }
  /** The best score of the snapshot, without exploring. */
  | { kind: 'greedy'; snapshot: PolicySnapshot }
  /** `treatmentId`, or 'nothing'. */
  | { kind: 'always'; action: string }
  | { kind: 'uniform' }
  /** What a rehearsal decided in its place. */
  | { kind: 'rehearsed'; rehearsed: RehearsedDecisions }

/** The decision of that id as it was rehearsed, with the versions it names; null where it was not made. */
export type RehearsedDecisions = (
  decisionId: string,
) => Promise<{ decision: DecodedDecision; campaigns: readonly CampaignVersion[] } | null>

/** A decision with what it names. */
export interface LoggedMoment {
  record: Uint8Array
  decoded: DecodedDecision
  campaigns: CampaignVersion[]
  /** What the target sees of the customer, where that is not in the record. */
  seen: Float64Array | undefined
}

export interface LoggedAction {
  /** −1 for nothing. */
  candidateIndex: number
  name: string
  logged: number
  target: number
  valueMicros: number
  costMicros: number
}

/** What stood in the draw, "nothing" last, with both policies' probabilities. */
export function actionsOf(moment: LoggedMoment, selection: LogSelection): LoggedAction[] {
  const { decoded, campaigns } = moment
  const actions: LoggedAction[] = decoded.candidates.flatMap((candidate, candidateIndex) => {
    const treatment = campaigns[candidate.campaignIndex]?.spec.treatments[candidate.treatmentIndex]
    if (treatment === undefined || !(candidate.probability > 0)) return []
    const { campaignId } = campaigns[candidate.campaignIndex]!
    return {
      candidateIndex,
      name:
        campaignId === selection.campaignId
          ? treatment.treatmentId
          : `${campaignId}:${treatment.treatmentId}`,
      logged: candidate.probability,
      target: 0,
      valueMicros: treatment.valueMicros,
      costMicros: treatment.costMicros,
    }
  })
  const values = actions.map(({ valueMicros }) => valueMicros)
  actions.push({
    candidateIndex: -1,
    name: nothingHead,
    logged: decoded.nothingProbability,
    target: 0,
    // What is bought unprompted is worth what it is worth when prompted.
    valueMicros: values.reduce((sum, value) => sum + value, 0) / values.length,
    costMicros: 0,
  })
  setTarget(actions, moment, selection.target)
  return actions
}

function setTarget(actions: LoggedAction[], moment: LoggedMoment, target: EvaluationTarget): void {
  switch (target.kind) {
    case 'uniform':
      for (const action of actions) action.target = 1 / actions.length
      return
    case 'always': {
      const wanted = actions.find(({ name }) => name === target.action) ?? actions.at(-1)
      if (wanted !== undefined) wanted.target = 1
      return
    }
    case 'snapshot':
    case 'greedy':
      setSnapshotTarget(actions, moment, target)
      return
    case 'rehearsed':
    // Looked up by whoever reads the decision.
  }
}

/** By name: the rehearsal may have decided by other versions, and draw what could not be drawn then. */
export async function setRehearsedTarget(
  actions: LoggedAction[],
  { decisionId }: DecodedDecision,
  { campaignId }: LogSelection,
  rehearsed: RehearsedDecisions,
): Promise<void> {
  const made = await rehearsed(decisionId)
  const nothing = actions.at(-1)!
  const kind = made?.decision.choice.kind
  if (made === null || (kind !== 'treatment' && kind !== 'nothing')) {
    nothing.target = 1
    return
  }
  const { decision, campaigns } = made
  nothing.target = decision.nothingProbability
  for (const { campaignIndex, treatmentIndex, probability } of decision.candidates) {
    if (!(probability > 0)) continue
    const campaign = campaigns[campaignIndex]!
    const treatmentId = campaign.spec.treatments[treatmentIndex]?.treatmentId ?? ''
    const name = campaign.campaignId === campaignId ? treatmentId : `${campaign.campaignId}:${treatmentId}`
    const known = actions.find((action) => action.name === name)
    if (known !== undefined) known.target += probability
    else actions.push({ ...nothing, name, logged: 0, target: probability, candidateIndex: unheardOf })
  }
}

/** Of what the log could not have drawn. */
const unheardOf = Number.MAX_SAFE_INTEGER

function setSnapshotTarget(
  actions: LoggedAction[],
  { record, campaigns, seen }: LoggedMoment,
  { kind, snapshot }: Extract<EvaluationTarget, { snapshot: PolicySnapshot }>,
): void {
  const otherwise = decideOtherwise(record, { snapshot, campaigns }, seen)
  const scores = actions.map(({ candidateIndex }) => otherwise.candidates[candidateIndex]?.scoreMicros ?? 0)
  const best = scores.indexOf(Math.max(...scores))
  for (const [index, action] of actions.entries()) {
    if (kind === 'greedy') action.target = index === best ? 1 : 0
    else {
      action.target = otherwise.candidates[action.candidateIndex]?.probability ?? otherwise.nothingProbability
    }
  }
}

export function rewardOf(
  reward: LogSelection['reward'],
  hasConverted: boolean,
  chosen: LoggedAction,
): number {
  if (reward === 'conversions') return hasConverted ? 1 : 0
  return ((hasConverted ? chosen.valueMicros : 0) - chosen.costMicros) / 1_000_000
}
