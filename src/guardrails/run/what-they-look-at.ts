import type { Guardrail } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './evaluate.ts'

type Spec = Parameters<Guardrail['check']>[0]['campaign']['spec']

/** What decides a shared guardrail's verdict beside the customer, the workspace and the moment. */
type View =
  | { of: 'campaign' }
  /** The campaign matters too where it brings rules of its own. */
  | { of: 'channel'; hasOwnRules?: (spec: Spec) => boolean }

/**
 * Narrower than `sharedBy` says, so that ten campaigns do not ask ten times whether the customer consented.
 * A guardrail that is not named here is asked for each campaign and channel: forgetting one costs time only.
 */
const views = new Map<string, View>([
  ['campaign-changed', { of: 'campaign' }],
  ['campaign-state', { of: 'campaign' }],
  ['goal-met', { of: 'campaign' }],
  ['holdout', { of: 'campaign' }],
  ['consent', { of: 'channel', hasOwnRules: (spec) => spec.topic !== undefined }],
  ['journey', { of: 'campaign' }],
  ['kill-switch', { of: 'channel' }],
  ['send-address', { of: 'channel' }],
  ['suppression', { of: 'channel' }],
  [
    'frequency-cap',
    { of: 'channel', hasOwnRules: (spec) => spec.frequencyCaps.length > 0 || spec.priority !== undefined },
  ],
  ['least-gap', { of: 'channel', hasOwnRules: (spec) => spec.priority !== undefined }],
  ['quiet-hours', { of: 'channel', hasOwnRules: (spec) => spec.quietHours !== undefined }],
])

export interface Sharing {
  /** Asked once per channel, for all campaigns without rules of their own. */
  byChannel: Guardrail[]
  /** Asked once per campaign. */
  byCampaign: Guardrail[]
  /** Asked once per campaign and channel, with `byChannel` where the campaign has rules of its own. */
  byBoth: Guardrail[]
  /** Asked for every candidate. */
  byCandidate: Guardrail[]
  hasOwnRules: (spec: Spec) => boolean
}

export function sharingOf(guardrails: readonly Guardrail[]): Sharing {
  const shared = guardrails.filter(isShared)
  const of = ({ name }: Guardrail) => views.get(name)?.of
  const rules = shared.flatMap(({ name }) => {
    const view = views.get(name)
    return view?.of === 'channel' && view.hasOwnRules !== undefined ? [view.hasOwnRules] : []
  })
  return {
    byChannel: shared.filter((guardrail) => of(guardrail) === 'channel'),
    byCampaign: shared.filter((guardrail) => of(guardrail) === 'campaign'),
    byBoth: shared.filter((guardrail) => of(guardrail) === undefined),
    byCandidate: guardrails.filter((guardrail) => !isShared(guardrail)),
    hasOwnRules: (spec) => rules.some((hasOwn) => hasOwn(spec)),
  }
}

function isShared(guardrail: Guardrail): guardrail is SharedGuardrail {
  return 'sharedBy' in guardrail && guardrail.sharedBy === 'campaign-and-channel'
}
