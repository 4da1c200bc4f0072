import {
  allow,
  type Guardrail,
  type GuardrailFacts,
  type GuardrailOutcome,
  type Verdict,
} from '#contracts/guardrail.ts'

/**
 * A guardrail that looks at nothing of the candidate but its channel and address: its verdict is the same
 * for all treatments of one campaign in one channel, so it is asked once for them.
 */
export interface SharedGuardrail extends Guardrail {
  sharedBy: 'campaign-and-channel'
}

export interface CandidateToJudge {
  campaign: GuardrailFacts['campaign']
  candidate: GuardrailFacts['candidate']
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
  const shared = all.filter(isShared)
  const own = all.filter((guardrail) => !isShared(guardrail))
  return {
    names,
    evaluate: (facts) => outcomeOf(objectionsOf(all, facts)),
    evaluateMany(base, candidates) {
      const outcomes: GuardrailOutcome[] = []
      const seen: SharedVerdict[] = []
      // One object that every candidate borrows: guardrails do not keep what they are shown.
      let facts: GuardrailFacts | null = null
      for (let i = 0; i < candidates.length; i++) {
        const { campaign, candidate } = candidates[i] as CandidateToJudge
        facts ??= factsOf(base, campaign, candidate)
        facts.campaign = campaign
        facts.candidate = candidate
        const common = find(seen, campaign, candidate) ?? judgeShared(seen, shared, facts)
        const objections = objectionsOf(own, facts)
        outcomes.push(
          objections === none ? common.outcome : outcomeOf(merge(common.outcome.objections, objections)),
        )
      }
      return outcomes
    },
  }
}

type Objection = GuardrailOutcome['objections'][number]

interface SharedVerdict extends CandidateToJudge {
  outcome: GuardrailOutcome
}

const none: Objection[] = []
Object.freeze(none)
/** The one outcome of everything that is allowed: the common case makes no garbage. */
const allowed: GuardrailOutcome = Object.freeze({ verdict: allow, by: '', objections: none })

function isShared(guardrail: Guardrail): boolean {
  return 'sharedBy' in guardrail && guardrail.sharedBy === 'campaign-and-channel'
}

/** Field by field: all facts have one hidden class. */
function factsOf(
  base: Omit<GuardrailFacts, 'campaign' | 'candidate'>,
  campaign: GuardrailFacts['campaign'],
  candidate: GuardrailFacts['candidate'],
): GuardrailFacts {
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

/** Newest first: candidates of one campaign stand together. */
function find(
  seen: SharedVerdict[],
  campaign: CandidateToJudge['campaign'],
  candidate: CandidateToJudge['candidate'],
) {
  for (let i = seen.length - 1; i >= 0; i--) {
    const entry = seen[i] as SharedVerdict
    if (
      entry.campaign === campaign &&
      entry.candidate.channel === candidate.channel &&
      entry.candidate.address === candidate.address
    ) {
      return entry
    }
  }
  return undefined
}

function judgeShared(
  seen: SharedVerdict[],
  shared: readonly Guardrail[],
  facts: GuardrailFacts,
): SharedVerdict {
  const { campaign, candidate } = facts
  const entry = { campaign, candidate, outcome: outcomeOf(objectionsOf(shared, facts)) }
  seen.push(entry)
  return entry
}

function merge(a: Objection[], b: Objection[]): Objection[] {
  return a.length === 0 ? b : [...a, ...b].sort((x, y) => compareText(x.guardrail, y.guardrail))
}

/** `objections` in the order of their names. */
function outcomeOf(objections: Objection[]): GuardrailOutcome {
  const [first, ...others] = objections
  if (first === undefined) return allowed
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
