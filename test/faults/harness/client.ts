import { setTimeout as wait } from 'node:timers/promises'
import { adminKey, writeKey } from './server-process.ts'
import type { PlannedEvent } from './traffic-plan.ts'

export interface OptOutRecord {
  userId: string
  by: 'link' | 'api'
  acknowledgedAt: number
  /** What the answer said was under way already. */
  alreadySending: string[]
}

/** What clients know: only what was answered. */
export interface Client {
  readonly acknowledged: PlannedEvent[]
  readonly optOuts: OptOutRecord[]
  /** Answers that blame a fault of ours: a service that is away is a 503. */
  readonly unfitting: string[]
  /** Sends a batch until it is acknowledged, as the same events each time. */
  deliver(events: PlannedEvent[]): Promise<void>
  optOutByLink(userId: string, unsubscribeUrl: string): Promise<void>
  optOutByApi(userId: string): Promise<void>
  /** An admin's call; throws when it is refused. */
  call(method: string, path: string, body?: object): Promise<unknown>
  /** Requests that are under way, or tried again. */
  unanswered(): number
  /** Resolves at the next acknowledgement of events. */
  nextAcknowledgement(): Promise<void>
  /** Nothing is tried again from now on: the run was given up. */
  giveUp(): void
}

const retryMs = 50
const answerMsMax = 5000

/** Of several doors each request takes the next; so does one that is tried again. */
export function createClient(urls: string[]): Client {
  let turn = 0
  const acknowledged: PlannedEvent[] = []
  const optOuts: OptOutRecord[] = []
  const unfitting: string[] = []
  let waiting: (() => void)[] = []
  let stopped = false
  let unanswered = 0

  /** Repeats a request that got no answer, or that may succeed later; what else is refused throws. */
  const insist = async (path: string, init: RequestInit): Promise<unknown> => {
    unanswered += 1
    try {
      return await repeat(path, init)
    } finally {
      unanswered -= 1
    }
  }
  const repeat = async (path: string, init: RequestInit): Promise<unknown> => {
    for (;;) {
      if (stopped) throw new Error('given up')
      turn += 1
      const response = await tryOnce(`${urls[turn % urls.length]}${path}`, init)
      if (response === null || response.status === 429 || response.status === 503) {
        await wait(retryMs)
        continue
      }
      if (response.status >= 500) {
        unfitting.push(`${path}: ${response.status} ${response.text}`)
        await wait(retryMs)
        continue
      }
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.text}`)
      return JSON.parse(response.text)
    }
  }
  const admin = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  const noteOptOut = (userId: string, by: OptOutRecord['by'], answer: unknown): void => {
    const { alreadySending } = answer as { alreadySending: string[] }
    optOuts.push({ userId, by, acknowledgedAt: Date.now(), alreadySending })
  }

  return {
    acknowledged,
    optOuts,
    unfitting,
    async deliver(events) {
      const timestamp = new Date().toISOString()
      const batch = events.map((event) => ({ timestamp, ...event }))
      const answer = await insist('/v1/batch', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
        },
        body: JSON.stringify({ batch }),
      })
      const { accepted, rejected } = answer as { accepted: number; rejected: unknown[] }
      if (accepted !== events.length || rejected.length > 0) throw new Error(JSON.stringify(answer))
      acknowledged.push(...events)
      for (const tell of waiting) tell()
      waiting = []
    },
    async optOutByLink(userId, unsubscribeUrl) {
      const answer = await insist(new URL(unsubscribeUrl).pathname, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: 'List-Unsubscribe=One-Click',
      })
      noteOptOut(userId, 'link', answer)
    },
    async optOutByApi(userId) {
      const answer = await insist(`/api/v1/customers/${userId}/consents/email`, {
        method: 'PUT',
        headers: admin,
        body: JSON.stringify({ state: 'denied', source: 'faults' }),
      })
      noteOptOut(userId, 'api', answer)
    },
    call: (method, path, body = {}) => insist(path, { method, headers: admin, body: JSON.stringify(body) }),
    unanswered: () => unanswered,
    nextAcknowledgement: () => new Promise((resolve) => waiting.push(resolve)),
    giveUp() {
      stopped = true
    },
  }
}

/** Null where there was no whole answer: the server was dead, died, or was dying. */
async function tryOnce(url: string, init: RequestInit): Promise<{ status: number; text: string } | null> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(answerMsMax) })
    return { status: response.status, text: await response.text() }
  } catch {
    return null
  }
}
