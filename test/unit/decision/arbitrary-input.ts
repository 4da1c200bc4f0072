import fc from 'fast-check'
import type {
  DecisionCampaign,
  DecisionInput,
  PolicySnapshot,
  SendSlot,
  SendSlots,
} from '#contracts/decision.ts'
import { allow, type GuardrailOutcome, type Verdict } from '#contracts/guardrail.ts'
import { makeCampaign, makeSnapshot, makeSpec, makeTreatment, makeVariants } from './support.ts'

const hexId = fc.stringMatching(/^[0-9a-f]{32}$/)
const anyId = fc.oneof(
  hexId,
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.uuid(),
  fc.constant('Grüße 🎈'),
)
const anyDouble = fc.double({ noNaN: true, min: -50, max: 50 })
const inputs = fc.dictionary(
  fc.oneof(fc.constantFrom('used', 'cap', '__proto__', '7'), fc.string({ maxLength: 8 })),
  fc.oneof(fc.boolean(), fc.double(), fc.string({ maxLength: 200 })),
  { maxKeys: 4 },
)
const objecting: fc.Arbitrary<Exclude<Verdict, { kind: 'allow' }>> = fc.oneof(
  fc.record({ kind: fc.constant('suppress' as const), reason: fc.string({ maxLength: 12 }), inputs }),
  fc.record({
    kind: fc.constant('defer' as const),
    untilMs: fc.nat(2 ** 45),
    reason: fc.constant('quiet_hours'),
    inputs,
  }),
)
const objection = fc.record({
  guardrail: fc.constantFrom('budget', 'consent', 'frequency-cap', 'holdout', 'quiet-hours', 'suppression'),
  verdict: objecting,
})

/** As a runner builds it: the strictest objection wins. */
const outcome: fc.Arbitrary<GuardrailOutcome> = fc
  .uniqueArray(objection, { maxLength: 3, selector: ({ guardrail }) => guardrail })
  .map((list) => {
    const objections = list.toSorted((a, b) => (a.guardrail < b.guardrail ? -1 : 1))
    const winner = objections.find(({ verdict }) => verdict.kind === 'suppress') ?? objections[0]
    return winner === undefined
      ? { verdict: allow, by: '', objections }
      : { verdict: winner.verdict, by: winner.guardrail, objections }
  })

/** Inputs of every kind: several campaigns, experiments, holdouts, objections, odd texts. */
export const arbitraryInput: fc.Arbitrary<DecisionInput> = fc
  .record({
    dimensions: fc.constantFrom(1, 2, 7, 8, 9, 64),
    campaigns: fc.array(
      fc.record({
        weights: fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 5,
        }),
        split: fc.boolean(),
        heldOut: fc.boolean(),
        arm: fc.constantFrom('control', 'a', 'gone', ''),
        version: fc.integer({ min: 1, max: 300 }),
        money: fc.record({
          cost: fc.nat(1_000_000),
          value: fc.nat(20_000_000),
          lever: fc.double({ min: 0.1, max: 10, noNaN: true }),
        }),
      }),
      { maxLength: 4 },
    ),
    seed: fc.infiniteStream(fc.double({ noNaN: true, min: -3, max: 3 })),
    outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
    pick: fc.infiniteStream(fc.nat(100)),
    decisionId: hexId,
    customerId: anyId,
    triggerId: anyId,
    kind: fc.constantFrom(
      'event' as const,
      'segment' as const,
      'timer' as const,
      'request' as const,
      'import' as const,
    ),
    step: fc.nat(1_000),
    t: fc.integer({ min: 1, max: 1_000_000 }),
    hours: fc.option(
      fc.record({
        cohort: fc.constantFrom('', 'students', 'Köln'),
        activityTotal: fc.nat(500),
        slots: fc.array(fc.record({ hours: fc.nat(168), hourOfWeek: fc.nat(167), activity: fc.nat(100) }), {
          minLength: 1,
          maxLength: 24,
        }),
      }),
    ),
    /** Null: a schema without a tail. */
    tail: fc.option(
      fc.uniqueArray(
        fc.record({ slot: fc.nat(65_535), value: fc.oneof(fc.constant(1), anyDouble), known: fc.nat(3) }),
        { selector: ({ slot }) => slot, maxLength: 20 },
      ),
    ),
    features: fc.array(fc.oneof(fc.constantFrom(0, -0, 1), anyDouble), { minLength: 64, maxLength: 64 }),
  })
  .map((drawn) => {
    const next = () => drawn.seed.next().value as number
    const pick = () => drawn.pick.next().value as number
    const campaigns = drawn.campaigns.map(
      ({ weights, split, heldOut, arm, version, money }, index): DecisionCampaign => {
        const treatments = weights.map((variants, offer) =>
          makeTreatment({
            offerId: `offer-${offer}`,
            costMicros: money.cost,
            valueMicros: money.value,
            lever: money.lever,
            variants: makeVariants(...variants),
          }),
        )
        const arms = [
          { id: 'control', share: 0.4, control: true },
          { id: 'a', share: 0.6, control: false, treatment: 'offer-0/email' },
        ]
        const spec = makeSpec(`campaign-${index}`, treatments, split && pick() % 3 === 0 ? arms : undefined)
        return makeCampaign(spec, { heldOut: heldOut && pick() % 2 === 0, arm, version })
      },
    )
    const heads: Record<string, Record<string, number[]>> = {}
    for (const { campaignId, spec } of campaigns) {
      const named = ['nothing', ...spec.treatments.map(({ treatmentId }) => treatmentId)]
      const learned = named.filter(() => pick() % 4 > 0)
      heads[campaignId] = Object.fromEntries(
        learned.map((name) => [name, Array.from({ length: drawn.dimensions }, next)]),
      )
    }
    const candidates = campaigns.flatMap(({ spec }, campaignIndex) =>
      spec.treatments.map(({ channel }, treatmentIndex) => ({
        campaignIndex,
        treatmentIndex,
        channel,
        fatigue: pick() % 3 === 0 ? 0.017 : 0,
        guardrails: pick() % 2 === 0 ? drawn.outcomes[0]! : drawn.outcomes[pick() % drawn.outcomes.length]!,
        missingVariables: pick() % 6 === 0 ? ['customer.vörname', 'offer.price'] : [],
      })),
    )
    return {
      workspace: 'shop',
      decisionId: drawn.decisionId,
      customerId: drawn.customerId,
      trigger: { kind: drawn.kind, triggerId: drawn.triggerId, step: drawn.step },
      decidedAt: 1_780_000_000_000,
      featureSchema: drawn.tail === null ? 'v1' : 'v3',
      features: Float64Array.from(drawn.features.slice(0, drawn.dimensions)),
      ...withTail(drawn.tail, makeSnapshot(heads, { t: drawn.t }), next),
      campaigns,
      candidates,
      ...(drawn.hours === null ? {} : { sendSlots: () => slotsOf(drawn.hours!) }),
    }
  })

/** Each head knows some of the features, and some that the customer does not have. */
function withTail(
  drawn: { slot: number; value: number; known: number }[] | null,
  snapshot: PolicySnapshot,
  next: () => number,
): Pick<DecisionInput, 'snapshot'> & Partial<Pick<DecisionInput, 'tail'>> {
  if (drawn === null) return { snapshot }
  const features = drawn.toSorted((a, b) => a.slot - b.slot)
  const tails = new Map(
    [...snapshot.heads.keys()].slice(1).map((key) => {
      const own = features.filter(({ known }) => known > 0).map(({ slot }) => slot)
      const slots = Uint32Array.from(new Set([...own, (own[0] ?? 7) ^ 1])).sort()
      return [key, { slots, weights: Float64Array.from(slots, next) }] as const
    }),
  )
  const tail = {
    slots: Uint32Array.from(features, ({ slot }) => slot),
    values: Float64Array.from(features, ({ value }) => value),
  }
  return { snapshot: { ...snapshot, featureSchema: 'v3', tails }, tail }
}

function slotsOf(
  hours: Omit<SendSlots, 'slots'> & { slots: (Omit<SendSlot, 'dueAt'> & { hours: number })[] },
) {
  const slots = hours.slots.map(({ hours: after, ...slot }) => ({
    ...slot,
    dueAt: 1_780_000_000_000 + after * 3_600_000,
  }))
  return { ...hours, slots }
}
