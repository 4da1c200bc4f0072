import {
  allow,
  type Guardrail,
  type GuardrailFacts,
  type GuardrailOutcome,
  type Verdict,
} from '#contracts/guardrail.ts'
import { type Sharing, sharingOf } from './what-they-look-at.ts'

/**
 * A guardrail that looks at nothing of the candidate but its channel and address: its verdict is the same
 * for all treatments of one campaign in one channel, so it is asked once for them.
 */
export interface SharedGuardrail extends Guardrail {
  sharedBy: 'campaign-and-channel'
}

/** Flat, so that a decision's own candidates can be handed over: 20 of them a decision are made. */
export interface CandidateToJudge {
  campaign: GuardrailFacts['campaign']
  /** Its place in the campaign's spec; −1 for what is not of it. */
  treatmentIndex: number
  treatment: Pick<GuardrailFacts['candidate'], 'channel' | 'costMicros' | 'offer'>
  address: string | null
}

export interface GuardrailRunner {
  /** In code-point order, as outcomes list them. */
  names: string[]
  evaluate(facts: GuardrailFacts): GuardrailOutcome
  /** One outcome per candidate, in their order; equals `evaluate` on each, and costs less. */
  evaluateMany(
    facts: Omit<GuardrailFacts, 'campaign' | 'candidate'>,
    candidates: readonly CandidateToJudge[],
  ): GuardrailOutcome[]
}

/**
 * Asks every guardrail and lets the strictest verdict win: suppress beats defer beats allow; of several
 * deferrals the one that lasts longest, then the first by name. The order in which guardrails are given
 * has no influence.
 */
export function createGuardrailRunner(guardrails: readonly Guardrail[]): GuardrailRunner {
  const all = [...guardrails].sort((a, b) => compareText(a.name, b.name))
  const names = all.map(({ name }) => name)
  if (new Set(names).size < names.length) throw new Error(`two guardrails of one name: ${names.join(', ')}`)
  const sharing = sharingOf(all)
  return {
    names,
    evaluate: (facts) => outcomeOf(objectionsOf(all, facts)),
    evaluateMany(base, candidates) {
      const outcomes = new Array<GuardrailOutcome>(candidates.length)
      const channels: ChannelVerdict[] = []
      const campaigns: CampaignVerdict[] = []
      let common: CampaignVerdict | undefined
      // One object that every candidate borrows: guardrails do not keep what they are shown.
      let facts: GuardrailFacts | null = null
      for (let i = 0; i < candidates.length; i++) {
        const { campaign, treatmentIndex, treatment, address } = candidates[i] as CandidateToJudge
        facts ??= factsOf(base, campaign, address, treatment)
        facts.campaign = campaign
        const { candidate } = facts
        candidate.channel = treatment.channel
        candidate.costMicros = treatment.costMicros
        candidate.address = address
        candidate.offer = treatment.offer
        // Candidates of one campaign stand together.
        if (common?.campaign !== campaign) common = findCampaign(campaigns, sharing, facts)
        const shared = find(common.channels, candidate) ?? judgeShared(sharing, common, channels, facts)
        const isOwn = campaign.spec.treatments[treatmentIndex] === treatment
        const objections = objectionsOf(isOwn ? common.toAsk : sharing.byCandidate, facts)
        outcomes[i] =
          objections === none ? shared.outcome : outcomeOf(merge(shared.outcome.objections, objections))
      }
      return outcomes
    },
  }
}

type Objection = GuardrailOutcome['objections'][number]

interface ChannelVerdict {
  channel: GuardrailFacts['candidate']['channel']
  address: string | null
  outcome: GuardrailOutcome
}

interface CampaignVerdict {
  campaign: CandidateToJudge['campaign']
  /** To the campaign, in whatever channel. */
  objections: Objection[]
  hasOwnRules: boolean
  /** Those that do not clear the campaign's treatments all at once. */
  toAsk: readonly Guardrail[]
  channels: ChannelVerdict[]
}

const none: Objection[] = []
Object.freeze(none)
/** The one outcome of everything that is allowed: the common case makes no garbage. */
const allowed: GuardrailOutcome = Object.freeze({ verdict: allow, by: '', objections: none })

/** Field by field: all facts have one hidden class. */
function factsOf(
  base: Omit<GuardrailFacts, 'campaign' | 'candidate'>,
  campaign: GuardrailFacts['campaign'],
  address: string | null,
  { channel, costMicros, offer }: CandidateToJudge['treatment'],
): GuardrailFacts {
  const candidate = { channel, costMicros, address, offer }
  const { stage, now, workspace, settings, customer, transactional, messageId } = base
  return { stage, now, workspace, settings, customer, campaign, candidate, transactional, messageId }
}

/** `none` itself when nobody objects. */
function objectionsOf(guardrails: readonly Guardrail[], facts: GuardrailFacts): Objection[] {
  let objections = none
  for (let i = 0; i < guardrails.length; i++) {
    const guardrail = guardrails[i] as Guardrail
    const verdict = guardrail.check(facts)
    if (verdict.kind === 'allow') continue
    if (objections === none) objections = []
    objections.push({ guardrail: guardrail.name, verdict })
  }
  return objections
}

function findCampaign(
  seen: CampaignVerdict[],
  { byCampaign, byCandidate, hasOwnRules }: Sharing,
  facts: GuardrailFacts,
): CampaignVerdict {
  const { campaign } = facts
  for (let i = 0; i < seen.length; i++) if (seen[i]?.campaign === campaign) return seen[i] as CampaignVerdict
  const objections = objectionsOf(byCampaign, facts)
  const toAsk = byCandidate.every((guardrail) => clears(guardrail, facts))
    ? nobody
    : byCandidate.filter((guardrail) => !clears(guardrail, facts))
  const judged = { campaign, objections, hasOwnRules: hasOwnRules(campaign.spec), toAsk, channels: [] }
  seen.push(judged)
  return judged
}

const nobody: readonly Guardrail[] = []

function clears(guardrail: Guardrail, facts: GuardrailFacts): boolean {
  return guardrail.clears?.(facts) === true
}

/** What stands against every candidate of the campaign in this channel. */
function judgeShared(
  { byChannel, byBoth }: Sharing,
  campaign: CampaignVerdict,
  channels: ChannelVerdict[],
  facts: GuardrailFacts,
): ChannelVerdict {
  const { channel, address } = facts.candidate
  let ofChannel = campaign.hasOwnRules ? undefined : find(channels, facts.candidate)
  if (ofChannel === undefined) {
    ofChannel = { channel, address, outcome: outcomeOf(objectionsOf(byChannel, facts)) }
    if (!campaign.hasOwnRules) channels.push(ofChannel)
  }
  const others = merge(campaign.objections, objectionsOf(byBoth, facts))
  // Campaigns share the object where they can: the record has an outcome's bytes once.
  const outcome =
    others.length === 0 ? ofChannel.outcome : outcomeOf(merge(ofChannel.outcome.objections, others))
  const judged = { channel, address, outcome }
  campaign.channels.push(judged)
  return judged
}

function find(seen: ChannelVerdict[], { channel, address }: GuardrailFacts['candidate']) {
  for (let i = 0; i < seen.length; i++) {
    const verdict = seen[i] as ChannelVerdict
    if (verdict.channel === channel && verdict.address === address) return verdict
  }
  return undefined
}

function merge(a: Objection[], b: Objection[]): Objection[] {
  if (a.length === 0) return b
  if (b.length === 0) return a
  return [...a, ...b].sort((x, y) => compareText(x.guardrail, y.guardrail))
}

/** `objections` in the order of their names. */
function outcomeOf(objections: Objection[]): GuardrailOutcome {
  if (objections.length === 0) return allowed
  const [first, ...others] = objections as [Objection, ...Objection[]]
  const winner = others.reduce((best, next) => (isStricter(next.verdict, best.verdict) ? next : best), first)
  return { verdict: winner.verdict, by: winner.guardrail, objections }
}

function isStricter(a: Verdict, b: Verdict): boolean {
  if (a.kind === 'suppress') return b.kind !== 'suppress'
  return a.kind === 'defer' && b.kind === 'defer' && a.untilMs > b.untilMs
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
