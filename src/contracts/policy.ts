import { z } from 'zod'

/** Share that is spread evenly over all that can be drawn: no propensity is below floor / K. */
const floor = z.number().min(0).max(1).default(0.02)

/**
 * How the treatment stage draws among the candidates and "nothing". Part of a published snapshot, so that a
 * snapshot is a version of the policy (ADR 3). A floor of 0 leaves nothing to evaluate other policies by.
 */
export const policySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('inverse-gap'),
    /** γ = scale·√t. */
    gammaScale: z.number().positive().max(1_000_000).default(1_000),
    floor,
  }),
  /** Each candidate as often as it is the best one under the posterior; needs the snapshot's covariances. */
  z.strictObject({ kind: z.literal('thompson'), floor }),
  /** The best score, whatever is known of it. */
  z.strictObject({ kind: z.literal('greedy'), floor }),
  /** Scores play no part: "nothing" has its share, the candidates the rest in equal parts. */
  z.strictObject({ kind: z.literal('fixed-split'), nothing: z.number().min(0.001).max(0.999) }),
])
export type Policy = z.infer<typeof policySchema>
export type PolicyKind = Policy['kind']

/** What snapshots draw by that name no policy: γ = 1000·√t is the one fixed setting of the bake-off. */
export const defaultPolicy: Policy = Object.freeze({
  kind: 'inverse-gap',
  gammaScale: 1_000,
  floor: 0.02,
})
