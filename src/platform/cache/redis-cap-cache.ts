import type { CapAnswer, CapCache, CapQuestion, CapRule } from '#contracts/cap-cache.ts'
import { customerKey, groupsOf } from './cache-key.ts'
import {
  decodeEntries,
  encodeEntries,
  entriesOf,
  entryOf,
  instantText,
  messageKeyOf,
  scopeText,
} from './cap-entries.ts'
import { changedMs, checkLua, completeMark, keepLua, noteLua, takeBackLua } from './cap-scripts.ts'
import type { RedisClient, RedisLink } from './redis-link.ts'
import { createRedisScript } from './redis-script.ts'

/**
 * How long a list is kept, from when it was read: what was noted and never taken back (a lost answer, a
 * message that a person called failed) refuses no longer than this.
 */
export const capListMs = 3_600_000
/** Lua unpacks a few thousand at most; a script of 512 customers holds Redis for about 1 ms. */
const customersPerCall = 512
/** Ends before the mark "something changed" does. */
const rebuildMaxMs = changedMs - 1000

const check = createRedisScript(checkLua)
const keep = createRedisScript(keepLua)
const note = createRedisScript(noteLua)
const takeBack = createRedisScript(takeBackLua)

/** Sends by customer in Redis, one script call for a batch (in a cluster: for each bucket of it). */
export function createRedisCapCache(link: RedisLink, { listMs = capListMs } = {}): CapCache {
  /** Runs a script over what concerns customers, in as few calls as may be. Null: nobody answered. */
  const forAll = async (
    workspace: string,
    customerIds: readonly string[],
    call: (client: RedisClient, keys: string[], indexes: number[]) => Promise<unknown>,
  ): Promise<unknown> => {
    if (customerIds.length === 0) return null
    return await link.ask(async (client, isCluster) => {
      const groups = groupsOf(customerIds, isCluster, customersPerCall)
      await Promise.all(
        groups.map((indexes) => {
          const keys = indexes.map((index) => customerKey('caps', workspace, customerIds[index] as string))
          return call(client, keys, indexes)
        }),
      )
      return true
    })
  }
  return {
    async check(workspace, questions) {
      const order = inRuns(questions)
      const customerIds = order.map((index) => (questions[index] as CapQuestion).customerId)
      const answers = new Array<CapAnswer>(questions.length).fill(unknown)
      const isAnswered = await forAll(workspace, customerIds, async (client, keys, indexes) => {
        const asked = indexes.map((index) => order[index] as number)
        const reply = await check(client, keys, checkArguments(questions, asked))
        readReply(reply as [string, ...string[]], asked, answers)
      })
      // An array of its own: an answer that comes too late is still written into the other.
      return isAnswered === null ? questions.map(() => unknown) : answers
    },
    async rebuild(workspace, customerIds, since, load) {
      const startedAt = performance.now()
      const slots = await load()
      if (performance.now() - startedAt > rebuildMaxMs) return slots
      const lists = customerIds.map(
        (customerId) => completeMark + encodeEntries(entriesOf(slots.get(customerId) ?? [], since)),
      )
      void forAll(workspace, customerIds, (client, keys, indexes) =>
        keep(client, keys, [listMs, ...indexes.map((index) => lists[index] as string)]),
      )
      return slots
    },
    async note(workspace, sends) {
      const ids = sends.map(({ customerId }) => customerId)
      const entries = sends.map((send) => encodeEntries([entryOf(send)]))
      await forAll(workspace, ids, (client, keys, indexes) =>
        note(
          client,
          keys,
          indexes.map((index) => entries[index] as string),
        ),
      )
    },
    async takeBack(workspace, sends) {
      const ids = sends.map(({ customerId }) => customerId)
      const messages = sends.map(({ messageId }) => messageKeyOf(messageId))
      await forAll(workspace, ids, (client, keys, indexes) =>
        takeBack(
          client,
          keys,
          indexes.map((index) => messages[index] as string),
        ),
      )
    },
  }
}

const unknown: CapAnswer = Object.freeze({ kind: 'unknown' })
const free: CapAnswer = Object.freeze({ kind: 'free' })

/** The questions' indexes, those that share their rules side by side. */
function inRuns(questions: readonly CapQuestion[]): number[] {
  const runs = new Map<readonly CapRule[], number[]>()
  for (let i = 0; i < questions.length; i++) {
    const { rules } = questions[i] as CapQuestion
    const run = runs.get(rules)
    if (run === undefined) runs.set(rules, [i])
    else run.push(i)
  }
  const [first, ...others] = runs.values()
  return others.length === 0 ? (first ?? []) : [first ?? [], ...others].flat()
}

function checkArguments(questions: readonly CapQuestion[], asked: readonly number[]): (string | number)[] {
  const args: (string | number)[] = []
  for (let from = 0; from < asked.length; ) {
    const { rules } = questions[asked[from] as number] as CapQuestion
    let to = from + 1
    while (to < asked.length && questions[asked[to] as number]?.rules === rules) to++
    args.push(to - from, rules.length)
    for (const rule of rules) args.push(rule.sendsMax, instantText(rule.since), scopeText(rule))
    from = to
  }
  return args
}

function readReply([marks, ...lists]: [string, ...string[]], asked: number[], answers: CapAnswer[]): void {
  let next = 0
  for (let i = 0; i < asked.length; i++) {
    const mark = marks[i]
    if (mark === '?') continue
    answers[asked[i] as number] = mark === '!' ? full(lists[next++] as string, lists[next++] as string) : free
  }
}

function full(rules: string, list: string): CapAnswer {
  return {
    kind: 'full',
    rules: rules.split(',').map(Number),
    sends: () => decodeEntries(list, completeMark.length),
  }
}
