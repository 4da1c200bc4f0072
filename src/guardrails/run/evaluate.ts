import type { CampaignSpec, ChannelName, TreatmentSpec } from '#contracts/campaign.ts'
import {
  allowed,
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

/** Where a channel reaches the customer; null where it does not. */
type AddressOf = (channel: ChannelName) => string | null

export interface GuardrailRunner {
  /** In code-point order, as outcomes list them. */
  names: string[]
  evaluate(facts: GuardrailFacts): GuardrailOutcome
  /**
   * By campaign: one outcome for each treatment of its spec, in their order; null where nobody objects to
   * any of them, as mostly. Equals `evaluate` on each, and costs less.
   */
  evaluateTreatments(
    facts: Omit<GuardrailFacts, 'campaign' | 'candidate'>,
    campaigns: readonly GuardrailFacts['campaign'][],
    addressOf: AddressOf,
  ): (readonly GuardrailOutcome[] | null)[]
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
    evaluateTreatments(base, campaigns, addressOf) {
      const outcomes: (GuardrailOutcome[] | null)[] = []
      const channels: ChannelVerdict[] = []
      // One object that every candidate borrows: guardrails do not keep what they are shown.
      let facts: GuardrailFacts | null = null
      for (let i = 0; i < campaigns.length; i++) {
        const campaign = campaigns[i] as GuardrailFacts['campaign']
        facts ??= factsOf(base, campaign)
        facts.campaign = campaign
        outcomes.push(judgeCampaign(sharing, facts, addressOf, channels))
      }
      return outcomes
    },
  }
}

type Objection = GuardrailOutcome['objections'][number]

interface ChannelVerdict {
  channel: ChannelName
  outcome: GuardrailOutcome
}

/** Of those who do not object, the same list always: it is asked for by identity. */
const none = allowed.objections

/** Field by field: all facts have one hidden class. The candidate is filled in for each. */
function factsOf(
  base: Omit<GuardrailFacts, 'campaign' | 'candidate'>,
  campaign: GuardrailFacts['campaign'],
): GuardrailFacts {
  const { channel, costMicros, offer } = firstTreatment(campaign.spec)
  const candidate = { channel, costMicros, address: null, offer }
  const { stage, now, workspace, settings, customer, stock, transactional, messageId } = base
  return { stage, now, workspace, settings, customer, campaign, candidate, stock, transactional, messageId }
}

function firstTreatment({ campaignId, treatments }: CampaignSpec): TreatmentSpec {
  const first = treatments[0]
  if (first === undefined) throw new TypeError(`campaign ${campaignId} has no treatment`)
  return first
}

function judgeCampaign(
  sharing: Sharing,
  facts: GuardrailFacts,
  addressOf: AddressOf,
  seen: ChannelVerdict[],
): GuardrailOutcome[] | null {
  const { candidate, campaign } = facts
  const { spec } = campaign
  const { channels, channelOf } = channelsOf(spec)
  const objections = objectionsOf(sharing.byCampaign, facts)
  const toAsk = stillToAsk(sharing.byCandidate, facts)
  const hasOwnRules = sharing.hasOwnRules(spec)
  let isClear = toAsk.length === 0
  const shared: GuardrailOutcome[] = []
  for (let c = 0; c < channels.length; c++) {
    const channel = channels[c] as ChannelName
    candidate.channel = channel
    candidate.address = addressOf(channel)
    const outcome = judgeChannel(sharing, facts, objections, hasOwnRules, seen)
    shared.push(outcome)
    if (outcome !== allowed) isClear = false
  }
  if (isClear) return null
  const outcomes = new Array<GuardrailOutcome>(spec.treatments.length)
  for (let t = 0; t < outcomes.length; t++) {
    const outcome = shared[channelOf[t] as number] as GuardrailOutcome
    outcomes[t] = toAsk.length === 0 ? outcome : judgeTreatment(toAsk, facts, t, addressOf, outcome)
  }
  return outcomes
}

function judgeTreatment(
  toAsk: readonly Guardrail[],
  facts: GuardrailFacts,
  treatmentIndex: number,
  addressOf: AddressOf,
  shared: GuardrailOutcome,
): GuardrailOutcome {
  const { candidate, campaign } = facts
  const treatment = campaign.spec.treatments[treatmentIndex] as TreatmentSpec
  candidate.channel = treatment.channel
  candidate.address = addressOf(treatment.channel)
  candidate.costMicros = treatment.costMicros
  candidate.offer = treatment.offer
  const objections = objectionsOf(toAsk, facts)
  return objections === none ? shared : outcomeOf(merge(shared.objections, objections))
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

/** Those that do not clear the campaign's treatments all at once. */
function stillToAsk(byCandidate: readonly Guardrail[], facts: GuardrailFacts): readonly Guardrail[] {
  let toAsk: Guardrail[] | null = null
  for (let i = 0; i < byCandidate.length; i++) {
    const guardrail = byCandidate[i] as Guardrail
    if (guardrail.clears?.(facts) === true) continue
    toAsk ??= []
    toAsk.push(guardrail)
  }
  return toAsk ?? nobody
}

const nobody: readonly Guardrail[] = []

/** What stands against every treatment of the campaign in the candidate's channel. */
function judgeChannel(
  { byChannel, byBoth }: Sharing,
  facts: GuardrailFacts,
  ofCampaign: Objection[],
  hasOwnRules: boolean,
  seen: ChannelVerdict[],
): GuardrailOutcome {
  const { channel } = facts.candidate
  let ofChannel = hasOwnRules ? undefined : find(seen, channel)
  if (ofChannel === undefined) {
    ofChannel = outcomeOf(objectionsOf(byChannel, facts))
    if (!hasOwnRules) seen.push({ channel, outcome: ofChannel })
  }
  const others = merge(ofCampaign, objectionsOf(byBoth, facts))
  // Campaigns share the object where they can: the record has an outcome's bytes once.
  return others.length === 0 ? ofChannel : outcomeOf(merge(ofChannel.objections, others))
}

function find(seen: ChannelVerdict[], channel: ChannelName): GuardrailOutcome | undefined {
  for (let i = 0; i < seen.length; i++) {
    const verdict = seen[i] as ChannelVerdict
    if (verdict.channel === channel) return verdict.outcome
  }
  return undefined
}

interface Channels {
  /** Each that a treatment uses, once. */
  channels: ChannelName[]
  /** By treatment, into `channels`. */
  channelOf: Uint8Array
}

/** Specs are immutable: looked at once. */
const channelsBySpec = new WeakMap<CampaignSpec, Channels>()

function channelsOf(spec: CampaignSpec): Channels {
  let found = channelsBySpec.get(spec)
  if (found === undefined) {
    const channels = [...new Set(spec.treatments.map(({ channel }) => channel))]
    const channelOf = Uint8Array.from(spec.treatments, ({ channel }) => channels.indexOf(channel))
    found = { channels, channelOf }
    channelsBySpec.set(spec, found)
  }
  return found
}

function merge(a: Objection[], b: Objection[]): Objection[] {
  if (a.length === 0) return b
  if (b.length === 0) return a
  return [...a, ...b].sort((x, y) => compareText(x.guardrail, y.guardrail))
}

/** The strictest wins. `objections` in the order of their names. */
export function outcomeOf(objections: Objection[]): GuardrailOutcome {
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
