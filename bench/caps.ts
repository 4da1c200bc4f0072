import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { CapAnswer, CapRule } from '#contracts/cap-cache.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { customerKey } from '#platform/cache/cache-key.ts'
import { createRedisCapCache } from '#platform/cache/redis-cap-cache.ts'
import { openRedisLink } from '#platform/cache/redis-link.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

/**
 * Early-refusal checks per second through `CapCache`: two caps a customer (4 sends in 7 days, 1 e-mail in 24
 * hours), 256 customers a call, 4 calls under way. Divided by a script of its own for just these two caps,
 * called in bare ioredis over the same keys, made beforehand, in alternating rounds: a busy machine slows
 * both. It answers with a mark for each customer; ours also gives the sends of those that are refused.
 */
const rounds = 60
const warmUpRounds = 20
const callsPerRound = 64
const callsUnderWay = 4
const customersPerCall = 256
const customersKept = 20_000
const ratioMin = 0.5

const url = process.env.STARLING_TEST_REDIS_URL ?? urlOfServices()
const now = Date.now()
const hourMs = 3_600_000
const workspace = `bench-${process.pid}`
const random = createSeededRandom(4, 256)
const customerIds = Array.from({ length: customersKept }, (_, i) => stableId(workspace, String(i)))
const rules: CapRule[] = [
  { sendsMax: 4, since: now - 168 * hourMs },
  { sendsMax: 1, since: now - 24 * hourMs, channel: 'email' },
]
const calls = Array.from({ length: callsPerRound }, () =>
  Array.from({ length: customersPerCall }, () => Math.floor(random.next() * customersKept)),
)

/** Two caps and no more: 4 sends, of whatever channel, from ARGV[1] on; 1 e-mail from ARGV[2] on. */
const minimalLua = `
local sub, byte = string.sub, string.byte
local weekly, daily = ARGV[1], ARGV[2]
local lists = redis.call('MGET', unpack(KEYS))
local marks = {}
for i = 1, #KEYS do
  local list = lists[i]
  if not list then
    marks[i] = '?'
  else
    marks[i] = '.'
    if #list >= 104 and sub(list, 104, 116) >= weekly then
      marks[i] = '!'
    else
      local from, size = 2, #list
      while from < size and sub(list, from, from + 12) >= daily do
        if byte(list, from + 13) == 101 then
          marks[i] = '!'
          break
        end
        from = from + 34
      end
    end
  end
end
return table.concat(marks)
`

const link = await openRedisLink({ url, logger: { info() {}, warn: console.warn }, answerMaxMs: 5_000 })
const cache = createRedisCapCache(link)
const bare = new Redis(url, { enableAutoPipelining: false })
try {
  await fill()
  process.exitCode = await compare()
} finally {
  await empty()
  link.close()
  bare.disconnect()
}

async function compare(): Promise<number> {
  const digest = String(await bare.script('LOAD', minimalLua))
  const questions = calls.map((call) => call.map((i) => ({ customerId: customerIds[i] as string, rules })))
  const keys = calls.map((call) => call.map((i) => customerKey('caps', workspace, customerIds[i] as string)))
  const since = rules.map((rule) => String(rule.since))
  const ours = async (call: number) =>
    (await cache.check(workspace, questions[call] as (typeof questions)[number])).map(markOf).join('')
  const minimal = async (call: number) =>
    String(await bare.evalsha(digest, customersPerCall, ...(keys[call] as string[]), ...since))
  for (let call = 0; call < callsPerRound; call += 1) {
    if ((await ours(call)) !== (await minimal(call))) throw new Error('the two do not refuse the same')
  }
  const value: number[] = []
  const baseline: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    value.push(await perSecond(ours))
    baseline.push(await perSecond(minimal))
  }
  // By pairs: what slows the machine for a while slows both halves of a round.
  const ratio = median(value.map((one, round) => one / (baseline[round] as number)).slice(warmUpRounds))
  const refused = (await ours(0)).replaceAll('.', '').length
  console.log(`${refused} of the first ${customersPerCall} customers are refused`)
  console.log(
    JSON.stringify({
      bench: 'caps',
      value: Math.round(median(value.slice(warmUpRounds))),
      baseline: Math.round(median(baseline.slice(warmUpRounds))),
      ratio: Math.round(ratio * 1_000) / 1_000,
      baseline_is:
        'one EVALSHA of a script for these two caps alone per 256 customers, bare ioredis, keys ready',
    }),
  )
  return ratio >= ratioMin ? 0 : 1
}

/** Checks per second: so many calls, always some under way. */
async function perSecond(check: (call: number) => Promise<string>): Promise<number> {
  let next = 0
  const startedAt = performance.now()
  const lane = async (): Promise<void> => {
    while (next < callsPerRound) await check(next++)
  }
  await Promise.all(Array.from({ length: callsUnderWay }, lane))
  return (callsPerRound * customersPerCall * 1_000) / (performance.now() - startedAt)
}

function markOf({ kind }: CapAnswer): string {
  return kind === 'full' ? '!' : kind === 'free' ? '.' : '?'
}

/** Six sends a customer within 16 days. */
async function fill(): Promise<void> {
  for (let from = 0; from < customersKept; from += 500) {
    const ids = customerIds.slice(from, from + 500)
    await cache.rebuild(workspace, ids, 0, async () => new Map(ids.map((id) => [id, slotsOf(id)])))
  }
  // What is kept goes the same way as this: it has arrived when this is answered.
  await cache.check(workspace, [{ customerId: customerIds[0] as string, rules }])
}

function slotsOf(customerId: string): ContactSlot[] {
  return Array.from({ length: 6 }, (_, i) => ({
    messageId: stableId(customerId, String(i)),
    channel: i % 2 === 0 ? 'email' : 'sms',
    campaignId: `campaign-${i % 3}`,
    state: 'sent',
    at: now - Math.floor(random.next() * 16 * 24 * hourMs),
    transactional: false,
  }))
}

async function empty(): Promise<void> {
  for (let from = 0; from < customersKept; from += 1_000) {
    await bare.unlink(
      ...customerIds.slice(from, from + 1_000).map((id) => customerKey('caps', workspace, id)),
    )
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

/** What `scripts/services up` wrote. */
function urlOfServices(): string {
  const folder = process.env.STARLING_SERVICES_DIR ?? join(import.meta.dirname, '../.services')
  const file = join(folder, 'env')
  const line = existsSync(file)
    ? /^export STARLING_TEST_REDIS_URL=(.+)$/m.exec(readFileSync(file, 'utf8'))
    : null
  if (line?.[1]) return line[1]
  console.error('STARLING_TEST_REDIS_URL is missing. Start the services with: scripts/services up')
  process.exit(1)
}
