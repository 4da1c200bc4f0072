import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { Profile } from '#contracts/profile.ts'
import { comparisonFault, compileComparison } from './compare.ts'
import { compileEventLeaf } from './event-leaf.ts'
import { compilePath } from './own-path.ts'

export interface ConditionContext {
  profile: Profile
  now: InstantMs
  /** The triggering event, where there is one; without it every property is absent. */
  event?: { name: string; properties: JsonObject }
}

/**
 * Makes a predicate of a condition: compile once, ask per event. Membership of a segment is what the
 * profile says, so segments are brought up to date first.
 */
export function compileCondition(condition: Condition): (context: ConditionContext) => boolean {
  if ('all' in condition) {
    const parts = condition.all.map(compileCondition)
    return (context) => parts.every((part) => part(context))
  }
  if ('any' in condition) {
    const parts = condition.any.map(compileCondition)
    return (context) => parts.some((part) => part(context))
  }
  if ('not' in condition) {
    const part = compileCondition(condition.not)
    return (context) => !part(context)
  }
  if ('trait' in condition) {
    const read = compilePath(condition.trait)
    const compare = compileComparison(condition.op, condition.value)
    return ({ profile }) => compare(read(profile.traits))
  }
  if ('property' in condition) {
    const read = compilePath(condition.property)
    const compare = compileComparison(condition.op, condition.value)
    return ({ event }) => compare(event === undefined ? undefined : read(event.properties))
  }
  if ('account' in condition) {
    const read = compilePath(condition.account)
    const compare = compileComparison(condition.op, condition.value)
    return ({ profile: { accounts } }) =>
      accounts !== undefined && Object.values(accounts).some((traits) => compare(read(traits)))
  }
  if ('segment' in condition) {
    const { segment } = condition
    return ({ profile }) => Object.hasOwn(profile.segments, segment)
  }
  if ('score' in condition) {
    const { score, atLeast = 0, below = Number.POSITIVE_INFINITY } = condition
    return ({ profile: { scores } }) => {
      const value = scores !== undefined && Object.hasOwn(scores, score) ? scores[score] : undefined
      return value !== undefined && value >= atLeast && value < below
    }
  }
  const leaf = compileEventLeaf(condition)
  return ({ profile, now }) => leaf.holds(profile, now)
}

/** Every leaf of the tree, from left to right. */
export function leavesOf(condition: Condition): ConditionLeaf[] {
  if ('all' in condition) return condition.all.flatMap(leavesOf)
  if ('any' in condition) return condition.any.flatMap(leavesOf)
  if ('not' in condition) return leavesOf(condition.not)
  return [condition]
}

export type ConditionLeaf = Exclude<Condition, { all: unknown } | { any: unknown } | { not: unknown }>

/** What is wrong with a condition that its schema cannot tell; empty when nothing is. */
export function conditionFaults(
  condition: Condition,
  allowed: { segments: ReadonlySet<string>; properties: boolean },
): string[] {
  return leavesOf(condition).flatMap((leaf) => {
    if ('segment' in leaf) return allowed.segments.has(leaf.segment) ? [] : [`no segment ${leaf.segment}`]
    if ('property' in leaf && !allowed.properties) {
      return [`property ${leaf.property}: a segment has no triggering event`]
    }
    if ('event' in leaf || 'score' in leaf) return []
    const compared = 'trait' in leaf ? leaf.trait : 'property' in leaf ? leaf.property : leaf.account
    const fault = comparisonFault(leaf.op, leaf.value)
    return fault === null ? [] : [`${compared}: ${fault}`]
  })
}
