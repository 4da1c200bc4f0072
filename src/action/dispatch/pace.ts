import type { Clock, InstantMs } from '#contracts/clock.ts'
import type { Rate, TokenBucket } from '#contracts/rate-limit.ts'
import type { Provider } from '../open-channels.ts'
import { type CallWindow, createCallWindow } from './call-window.ts'

export type Admission =
  /** A place is taken; `over` gives it back, `called` false where the provider was not called. */
  | { kind: 'go'; over(called?: boolean): void }
  /** `line`: whose places are all taken: `ses-eu`, or `ses-eu gmail.com`. */
  | { kind: 'wait'; waitMs: number; line: string }

/** When each provider may be called, by itself and by domain of the recipient. By the wall clock. */
export interface Pace {
  /** Fetches places from the bucket that all senders share; before messages are claimed. */
  prepare(): Promise<void>
  /** `isReturning`: it has waited in this provider's line already, and its time has come. */
  admit(provider: Provider, address: string, isReturning: boolean): Admission
  /** How long the provider asked to be left alone. */
  pausedMs(provider: Provider): number
  pausedUntil(provider: Provider): InstantMs
  /** It asks to be left alone, with all messages or those to this address's domain. */
  pause(provider: Provider, ms: number, address?: string): void
  /** The lines as they stand in the ledger: by name, how long until their last message is due. */
  restore(lines: ReadonlyMap<string, number>): void
}

interface Line {
  rate: Rate | null
  window: CallWindow | null
  pausedUntil: InstantMs
  /** The next place behind those who wait. */
  endsAt: InstantMs
  /** The next place for those who came back when all places were taken. */
  returnsAt: InstantMs
  /** Of the bucket that all senders share. */
  shared: { tokens: number; wanted: number; fetchedAt: InstantMs; emptyUntil: InstantMs }
}

/** A token that was fetched and not used is worth nothing soon: used late it would add to those of its second. */
const tokenFreshMs = 200
/** Until the next claim has fetched some. */
const tokenRetryMs = 50
/** Lines of domains that nobody waits in are forgotten beyond this many. */
const linesMax = 10_000

/**
 * First come, first served per line: who finds all places taken gets one behind the last who waits, an interval
 * apart, and whoever is new stands behind those. So a message waits once, for the time that it is told, and
 * the ledger's order stays the order of sending.
 */
export function createPace({ wallClock, bucket }: { wallClock: Clock; bucket?: TokenBucket }): Pace {
  const lines = new Map<string, Line>()
  let endsAt: ReadonlyMap<string, InstantMs> = new Map()

  const lineOf = (name: string, perSecondMax: number | undefined, now: InstantMs): Line => {
    let line = lines.get(name)
    if (line === undefined) {
      if (lines.size >= linesMax) forgetIdle(lines, now)
      line = createLine(name, perSecondMax, endsAt.get(name) ?? 0)
      lines.set(name, line)
    }
    return line
  }
  const linesOf = (provider: Provider, address: string, now: InstantMs): [string, Line][] => {
    const own: [string, Line][] = [[provider.id, lineOf(provider.id, provider.callsPerSecondMax, now)]]
    const domain = domainOf(address)
    if (domain === null) return own
    const name = `${provider.id} ${domain}`
    const rates = provider.domainCallsPerSecondMax
    const perSecondMax = rates?.[domain] ?? rates?.['*']
    if (perSecondMax === undefined && !lines.has(name)) return own
    return [...own, [name, lineOf(name, perSecondMax, now)]]
  }

  return {
    async prepare() {
      if (bucket === undefined) return
      const now = wallClock.now()
      await Promise.all([...lines.values()].map((line) => fetchTokens(line, bucket, now)))
    },
    admit(provider, address, isReturning) {
      const now = wallClock.now()
      const own = linesOf(provider, address, now)
      let longest: { waitMs: number; name: string; line: Line } | null = null
      for (const [name, line] of own) {
        const waitMs = waitMsOf(line, now, isReturning, bucket !== undefined)
        if (longest === null || waitMs > longest.waitMs) longest = { waitMs, name, line }
      }
      if (longest !== null && longest.waitMs > 0) {
        const placeAt = takePlace(longest.line, now + longest.waitMs, isReturning)
        return { kind: 'wait', waitMs: placeAt - now, line: longest.name }
      }
      const ends = own.flatMap(([, line]) => {
        if (line.rate !== null && bucket !== undefined) line.shared.tokens--
        return line.window === null ? [] : [line.window.begin(now)]
      })
      return { kind: 'go', over: (called) => ends.forEach((end) => void end(wallClock.now(), called)) }
    },
    pausedUntil: ({ id }) => lines.get(id)?.pausedUntil ?? 0,
    pausedMs: ({ id }) => Math.max(0, (lines.get(id)?.pausedUntil ?? 0) - wallClock.now()),
    pause(provider, ms, address) {
      const now = wallClock.now()
      const domain = address === undefined ? null : domainOf(address)
      const rates = provider.domainCallsPerSecondMax
      const line =
        domain === null
          ? lineOf(provider.id, provider.callsPerSecondMax, now)
          : lineOf(`${provider.id} ${domain}`, rates?.[domain] ?? rates?.['*'], now)
      line.pausedUntil = Math.max(line.pausedUntil, now + ms)
    },
    restore(known) {
      const now = wallClock.now()
      endsAt = new Map([...known].map(([name, aheadMs]) => [name, now + aheadMs]))
      for (const [name, line] of lines) line.endsAt = endsAt.get(name) ?? 0
    },
  }
}

function createLine(name: string, perSecondMax: number | undefined, endsAt: InstantMs): Line {
  return {
    rate: perSecondMax === undefined ? null : sharedRate(name, perSecondMax),
    window: perSecondMax === undefined ? null : createCallWindow(perSecondMax),
    pausedUntil: 0,
    endsAt,
    returnsAt: 0,
    shared: { tokens: 0, wanted: 1, fetchedAt: 0, emptyUntil: 0 },
  }
}

/** A tenth at once and nine tenths a second are the rate in any second. */
function sharedRate(name: string, perSecondMax: number): Rate {
  return { name, perSecond: perSecondMax * 0.9, burst: Math.max(1, Math.floor(perSecondMax / 10)) }
}

function waitMsOf(line: Line, now: InstantMs, isReturning: boolean, isShared: boolean): number {
  const paused = Math.max(0, line.pausedUntil - now)
  if (line.rate === null || line.window === null) return paused
  const behind = isReturning ? 0 : Math.max(0, line.endsAt - now)
  const waitMs = Math.max(paused, behind, line.window.waitMs(now))
  if (!isShared || waitMs > 0) return waitMs
  const { shared } = line
  if (shared.tokens >= 1 && now - shared.fetchedAt <= tokenFreshMs) return 0
  shared.wanted++
  return Math.max(tokenRetryMs, shared.emptyUntil - now)
}

/** Not before `at`; who is new goes behind everybody, who came back behind those that came back. */
function takePlace(line: Line, at: InstantMs, isReturning: boolean): InstantMs {
  const intervalMs = line.window?.intervalMs() ?? 0
  const placeAt = Math.max(at, isReturning ? line.returnsAt : line.endsAt)
  if (isReturning) line.returnsAt = placeAt + intervalMs
  line.endsAt = Math.max(line.endsAt, placeAt + intervalMs)
  return Math.ceil(placeAt)
}

async function fetchTokens({ rate, shared }: Line, bucket: TokenBucket, now: InstantMs): Promise<void> {
  if (rate === null || shared.emptyUntil > now) return
  if (now - shared.fetchedAt > tokenFreshMs) shared.tokens = 0
  if (shared.tokens >= 1) return
  const count = Math.min(rate.burst, Math.max(1, shared.wanted))
  shared.wanted = 0
  const taken = await bucket.take(rate, count, 0)
  if (taken.kind === 'granted') {
    shared.tokens = count
    shared.fetchedAt = now
    return
  }
  shared.wanted = Math.floor(count / 2)
  shared.emptyUntil = now + (count > 1 ? 0 : taken.retryAfterMs)
}

/** Of an e-mail address; other addresses have none. */
function domainOf(address: string): string | null {
  const at = address.lastIndexOf('@')
  return at === -1 ? null : address.slice(at + 1).toLowerCase()
}

function forgetIdle(lines: Map<string, Line>, now: InstantMs): void {
  for (const [name, line] of lines) {
    const isIdle = line.window === null || line.window.isIdle(now)
    if (isIdle && line.pausedUntil <= now && line.endsAt <= now) lines.delete(name)
  }
}
