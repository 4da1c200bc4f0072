import type { Random } from '#contracts/random.ts'
import type { Store } from '#platform/store/store.ts'

/**
 * Drives two actors through every order of their points. An actor runs until it comes to its next point, is
 * done, or waits for the other one in the database; then the schedule says who goes on. Which points there are
 * is found on the way (depth first, from the start each time): no order is left out, none is left to chance.
 */
export interface Actor {
  name: string
  run(): Promise<void>
}

export interface Points {
  /** Waits here until the schedule says so. `mayGo`: whether it could do anything now. */
  at(actor: string, point: string, mayGo?: () => boolean): Promise<void>
}

interface Waiting {
  actor: string
  point: string
  mayGo(): boolean
  go(): void
}

/** How many of the actors that run wait for a lock in the database. */
export type BlockedCount = () => Promise<number>

export async function everyInterleaving(
  actorsOf: (points: Points, run: number) => Actor[] | Promise<Actor[]>,
  check: (trace: readonly string[], run: number) => Promise<void>,
  blockedCount: BlockedCount,
): Promise<number> {
  let choices: number[] = []
  for (let run = 0; ; run++) {
    const widths: number[] = []
    const trace = await runOnce(actorsOf, run, blockedCount, (width) => {
      widths.push(width)
      return choices[widths.length - 1] ?? 0
    })
    await check(trace, run)
    choices = widths.map((_, i) => choices[i] ?? 0)
    while (choices.length > 0 && choices.at(-1)! + 1 >= widths[choices.length - 1]!) choices.pop()
    if (choices.length === 0) return run + 1
    choices[choices.length - 1]! += 1
  }
}

/**
 * So many orders drawn at random, for a database in which transactions overlap: all of them are hundreds there,
 * and who waits for a lock at a given moment is not the same twice.
 */
export async function drawnInterleavings(
  actorsOf: (points: Points, run: number) => Actor[] | Promise<Actor[]>,
  check: (trace: readonly string[], run: number) => Promise<void>,
  blockedCount: BlockedCount,
  { runs, random }: { runs: number; random: Random },
): Promise<number> {
  const orders = new Set<string>()
  for (let run = 0; run < runs; run++) {
    const trace = await runOnce(actorsOf, run, blockedCount, (width) => Math.floor(random.next() * width))
    await check(trace, run)
    orders.add(trace.join())
  }
  return orders.size
}

async function runOnce(
  actorsOf: (points: Points, run: number) => Actor[] | Promise<Actor[]>,
  run: number,
  blockedCount: BlockedCount,
  choose: (width: number) => number,
): Promise<string[]> {
  const trace: string[] = []
  const waiting: Waiting[] = []
  const running = new Set<string>()
  let changed = (): void => {}
  const points: Points = {
    at: (actor, point, mayGo = () => true) =>
      new Promise((resolve) => {
        running.delete(actor)
        const go = (): void => {
          trace.push(`${actor} ${point}`)
          running.add(actor)
          resolve()
        }
        waiting.push({ actor, point, mayGo, go })
        changed()
      }),
  }
  const faults: unknown[] = []
  const actors = await actorsOf(points, run)
  const all = actors.map(async ({ name, run: play }) => {
    running.add(name)
    await play().catch((error: unknown) => faults.push(error))
    running.delete(name)
    changed()
  })
  for (;;) {
    while (running.size > 0 && (await blockedCount()) < running.size) {
      if (running.size === 0) break
      await new Promise<void>((resolve) => {
        changed = resolve
        // The other side of a lock is a database: it tells nobody when it has let go.
        if (blockedCount !== noneBlocked) setImmediate(resolve)
      })
    }
    const open = waiting.filter(({ mayGo }) => mayGo())
    if (open.length === 0) {
      if (waiting.length + running.size > 0 && faults.length === 0)
        throw new Error(`stuck after ${trace.join(', ')}`)
      break
    }
    open.sort((a, b) => (a.actor < b.actor ? -1 : 1))
    const next = open[choose(open.length)]
    if (next === undefined) throw new Error(`not the same run as before: ${trace.join(', ')}`)
    waiting.splice(waiting.indexOf(next), 1)
    next.go()
  }
  await Promise.all(all)
  if (faults.length > 0) throw faults[0]
  return trace
}

/** SQLite: whoever could not go on is not let begin. */
export const noneBlocked: BlockedCount = async () => 0

/**
 * The store as one actor has it: it stops before each of its transactions, and once more before the commit.
 * With one writer at a time (SQLite) a transaction begins only while nobody else is in one.
 */
export function stoppingStore(
  store: Store,
  actor: string,
  pointsNow: () => Points | null,
  writer: { inside: string | null },
  committed: (actor: string) => void,
): Store {
  return {
    ...store,
    async transaction(work) {
      const points = pointsNow()
      if (points === null) return store.transaction(work)
      const isFree = (): boolean => store.dialect === 'postgres' || writer.inside === null
      await points.at(actor, 'begins', isFree)
      writer.inside = actor
      try {
        const result = await store.transaction(async (tx) => {
          const own = await work(tx)
          await points.at(actor, 'commits')
          return own
        })
        committed(actor)
        return result
      } finally {
        writer.inside = null
      }
    },
  }
}
