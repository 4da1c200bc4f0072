import type { Segment } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import type { Profile } from '#contracts/profile.ts'
import { type ConditionContext, compileCondition, conditionFaults, leavesOf } from './condition.ts'
import { compileEventLeaf, type EventLeaf } from './event-leaf.ts'

/** Segments ready to be asked, each after those it refers to. */
export interface CompiledSegments {
  ordered: { id: string; holds: (context: ConditionContext) => boolean }[]
  ids: ReadonlySet<string>
  /** What each says, by id. */
  conditions: ReadonlyMap<string, Condition>
  /** The conditions that time alone may change. */
  timed: EventLeaf[]
  /** Whether a scoring may change a membership. */
  readsScores: boolean
}

export type SegmentsResult =
  | { kind: 'compiled'; segments: CompiledSegments }
  /** One line each, for the person who wrote them. */
  | { kind: 'faults'; faults: string[] }

/** Compiles all segments of a workspace together, since they may refer to each other (not in a circle). */
export function compileSegments(segments: Segment[]): SegmentsResult {
  const byId = new Map(segments.map((segment) => [segment.id, segment]))
  const ids = new Set(byId.keys())
  const faults = segments.flatMap(({ id, condition }) =>
    conditionFaults(condition, { segments: ids, properties: false }).map(
      (fault) => `segment ${id}: ${fault}`,
    ),
  )
  if (ids.size < segments.length) faults.push('two segments have the same id')
  if (faults.length > 0) return { kind: 'faults', faults }
  const sorted = inDependencyOrder(byId)
  if (sorted.kind === 'cycle')
    return { kind: 'faults', faults: [`segments in a circle: ${sorted.path.join(' → ')}`] }
  return {
    kind: 'compiled',
    segments: {
      ids,
      conditions: new Map(segments.map(({ id, condition }) => [id, condition])),
      ordered: sorted.segments.map(({ id, condition }) => ({ id, holds: compileCondition(condition) })),
      readsScores: segments.some(({ condition }) => leavesOf(condition).some((leaf) => 'score' in leaf)),
      timed: segments
        .flatMap(({ condition }) => leavesOf(condition))
        .flatMap((leaf) =>
          'event' in leaf && (leaf.measure === 'daysSince' || leaf.withinDays !== undefined)
            ? [compileEventLeaf(leaf)]
            : [],
        ),
    },
  }
}

/**
 * Brings the profile's memberships up to date and says what changed. Segments that are no longer defined
 * are left.
 */
export function updateSegments(
  profile: Profile,
  { ordered, ids }: CompiledSegments,
  now: InstantMs,
): { entered: string[]; left: string[] } {
  const entered: string[] = []
  const left: string[] = []
  const { segments } = profile
  const context: ConditionContext = { profile, now }
  for (const id of Object.keys(segments)) {
    if (ids.has(id)) continue
    delete segments[id]
    left.push(id)
  }
  for (const { id, holds } of ordered) {
    const member = Object.hasOwn(segments, id)
    if (holds(context) === member) continue
    if (member) {
      delete segments[id]
      left.push(id)
    } else {
      segments[id] = now
      entered.push(id)
    }
  }
  return { entered, left }
}

/**
 * The next instant after `now` at which a membership may change though nothing happens: an event leaves a
 * window, or an age is reached. Null: never.
 */
export function nextSegmentChangeAt(
  profile: Profile,
  { timed }: CompiledSegments,
  now: InstantMs,
): InstantMs | null {
  let next: InstantMs | null = null
  for (const leaf of timed) {
    const at = leaf.changesAt(profile, now)
    if (at !== null && (next === null || at < next)) next = at
  }
  return next
}

type Sorted = { kind: 'sorted'; segments: Segment[] } | { kind: 'cycle'; path: string[] }

function inDependencyOrder(byId: ReadonlyMap<string, Segment>): Sorted {
  const done = new Map<string, Segment>()
  const visit = (segment: Segment, path: string[]): string[] | null => {
    if (done.has(segment.id)) return null
    const here = [...path, segment.id]
    if (path.includes(segment.id)) return here.slice(path.indexOf(segment.id))
    for (const leaf of leavesOf(segment.condition)) {
      const cycle = 'segment' in leaf ? visit(byId.get(leaf.segment)!, here) : null
      if (cycle !== null) return cycle
    }
    done.set(segment.id, segment)
    return null
  }
  for (const segment of byId.values()) {
    const cycle = visit(segment, [])
    if (cycle !== null) return { kind: 'cycle', path: cycle }
  }
  return { kind: 'sorted', segments: [...done.values()] }
}
