import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from '../harness/client.ts'
import { lookAtLiving, withFiles } from '../harness/look-outside.ts'
import { createServerProcess, environmentOf, freePort } from '../harness/server-process.ts'
import type { PlannedEvent } from '../harness/traffic-plan.ts'
import { countDeliveries, type DeliveryCounts, type Evidence } from './count-deliveries.ts'
import type { Call, ProviderName, SinkMessage } from './sinks-child.ts'

export interface ProviderFaultReport extends DeliveryCounts {
  baseline: string
  calls: number
  /** What the providers did, by what it was. */
  faults: Record<string, number>
  bounced: number
  rates: Record<ProviderName, number>
  /** Most calls that a provider noticed in any second. */
  seconds: number
}

const rates: Record<ProviderName, number> = { smtp: 90, 'http-keyed': 110, 'http-plain': 80 }
/** A domain that takes its time, at each provider. */
const domainRates = { 'slow.example': 4 }
const answerTimeoutMs = 1500
const eventsPerBatch = 250
/** Longer than what was not taken waits in its first rounds (30 s, 60 s): who stands still for that long stays. */
const standstillMsMax = 130_000

/** 10,000 mails over three providers that all have bad moments, then a second mail to everybody whose first bounced. */
export async function runProviderFaults(options: {
  messages: number
  seed: number
  say: (line: string) => void
}): Promise<{ report: ProviderFaultReport; findings: string[] }> {
  const startedAt = Date.now()
  const folder = mkdtempSync(join(tmpdir(), 'starling-provider-faults-'))
  const sinks = await startSinks(options.seed)
  const dataDir = join(folder, 'data')
  const server = createServerProcess({
    env: {
      ...environmentOf({ dataDir, smtpPort: 1 }),
      STARLING_SMTP_URL: '',
      STARLING_CHANNELS_DIR: channelsIn(folder),
      STARLING_PROVIDERS: JSON.stringify(providersAt(sinks.ports)),
    },
    port: await freePort(),
  })
  const client = createClient([server.url])
  try {
    await server.start()
    await launch(client)
    const bounced: Evidence['bounced'] = new Map()
    const suppressing: Promise<void>[] = []
    sinks.onBounce((to) => suppressing.push(suppress(client, to, bounced, sinks)))
    await signUp(
      client,
      Array.from({ length: options.messages }, (_, i) => i),
      'first',
    )
    await settle(dataDir, options.messages, options.say)
    await Promise.all(suppressing)
    // Whoever bounced signs up once more: nothing may leave.
    const again = [...bounced.keys()].map((to) => Number(/\d+/.exec(to)![0]))
    await signUp(client, again, 'second')
    await settle(dataDir, options.messages, options.say)
    sinks.calm()
    const exitCode = await server.stop()
    if (exitCode !== 0) throw new Error(`the server stopped with code ${exitCode}`)
    const calls = await sinks.calls()
    const evidence = { ...rowsOf(dataDir), calls, expected: options.messages, rates, domainRates, bounced }
    const { counts, findings } = countDeliveries(evidence)
    const report: ProviderFaultReport = {
      baseline: 'none: counts against promises',
      ...counts,
      calls: calls.length,
      faults: countBy(calls),
      bounced: bounced.size,
      rates,
      seconds: Math.round((Date.now() - startedAt) / 1000),
    }
    return { report, findings: [...findings, ...client.unfitting] }
  } finally {
    client.giveUp()
    await server.stop()
    await sinks.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the run must put to the test. */
export function missedProviderBars(report: ProviderFaultReport, messages: number): string[] {
  const { faults } = report
  const wanted = [
    '429',
    '500',
    '503',
    '401',
    'silent after taking it',
    'closed mid-body after taking it',
    'bounced later',
  ]
  // Who says such a thing is left alone at once.
  const outages = ['429', '503', '401']
  const bars: [boolean, string][] = [
    [report.messages >= messages, `only ${report.messages} messages`],
    [report.failed_over >= messages / 100, `only ${report.failed_over} messages failed over`],
    [report.delivered >= messages * 0.95, `only ${report.delivered} delivered`],
    ...wanted.map((what): [boolean, string] => [
      (faults[what] ?? 0) >= (outages.includes(what) ? 1 : messages / 2000),
      `too few answers of ${what}`,
    ]),
  ]
  const zeros = [
    'duplicated',
    'lost',
    'unrecorded',
    'ledger_out_of_order',
    'over_rate',
    'after_bounce',
  ] as const
  for (const name of zeros) bars.push([report[name] === 0, `${name} ${report[name]}`])
  return bars.filter(([holds]) => !holds).map(([, line]) => line)
}

/** The channel of a folder outside, in two kinds: one that may ask again with its key, and one that may not. */
function channelsIn(folder: string): string {
  const own = new URL('../../support/outside-channels/plain-http.js', import.meta.url)
  const text = readFileSync(own, 'utf8').replace("kind: 'plain-http'", "kind: 'http-keyed'")
  writeFileSync(join(folder, 'http-keyed.mjs'), text)
  const once = text.replace("'http-keyed'", "'http-plain'").replace('resends: true', 'resends: false')
  writeFileSync(join(folder, 'http-plain.mjs'), once)
  return folder
}

function providersAt(ports: Record<ProviderName, number>): object[] {
  const http = (kind: ProviderName) => ({
    settings: { url: `http://127.0.0.1:${ports[kind]}/mails`, apiKey: 'faults-key-1234', answerTimeoutMs },
  })
  const smtp = {
    settings: { url: `smtp://127.0.0.1:${ports.smtp}`, connectTimeoutMs: 1500, answerTimeoutMs },
  }
  return (Object.keys(rates) as ProviderName[]).map((kind) => ({
    id: kind,
    kind,
    weight: rates[kind],
    callsPerSecondMax: rates[kind],
    domainCallsPerSecondMax: domainRates,
    ...(kind === 'smtp' ? smtp : http(kind)),
  }))
}

async function launch(client: Client): Promise<void> {
  const yaml = readFileSync(new URL('campaign.yaml', import.meta.url), 'utf8')
  await client.call('POST', '/api/v1/workspace-file', { yaml, actor: 'ann' })
  for (const action of ['submit', 'approve', 'launch']) {
    await client.call('POST', `/api/v1/campaigns/welcome/${action}`, { actor: 'ann' })
  }
}

/** One in a hundred lives at the slow domain; one in two hundred has no mailbox any more where SMTP asks. */
function addressOf(i: number): string {
  if (i % 200 === 7) return `gone-${i}@faults.example`
  return i % 100 === 3 ? `user-${i}@slow.example` : `user-${i}@faults.example`
}

async function signUp(client: Client, numbers: number[], wave: string): Promise<void> {
  const events = numbers.flatMap((i) => {
    const userId = `user-${i}`
    return [
      { type: 'identify', messageId: `${userId}-${wave}-0`, userId, traits: { email: addressOf(i) } },
      { type: 'track', messageId: `${userId}-${wave}-1`, userId, event: 'Signed Up' },
    ] as PlannedEvent[]
  })
  for (let from = 0; from < events.length; from += eventsPerBatch) {
    await client.deliver(events.slice(from, from + eventsPerBatch))
  }
}

async function suppress(
  client: Client,
  to: string,
  bounced: Evidence['bounced'],
  sinks: Sinks,
): Promise<void> {
  await client.call('POST', '/api/v1/suppressions', { channel: 'email', address: to, reason: 'bounce' })
  bounced.set(to, { callsBefore: await sinks.callsSoFar() })
}

/** Until nothing waits and nothing is under way; gives up where nothing moves, which the count then shows. */
async function settle(dataDir: string, expected: number, say: (line: string) => void): Promise<void> {
  let seen = ''
  let until = Date.now() + standstillMsMax
  while (Date.now() < until) {
    const standing = lookAtLiving(dataDir)
    if (JSON.stringify(standing) !== seen) until = Date.now() + standstillMsMax
    seen = JSON.stringify(standing)
    const done = expected - standing.queued - standing.sending - standing.unprocessed
    say(`${bar(done / expected)} ${JSON.stringify(standing)}`)
    if (standing.queued + standing.sending + standing.unprocessed === 0) return
    await wait(1000)
  }
}

function bar(share: number): string {
  const filled = Math.max(0, Math.min(20, Math.round(share * 20)))
  return `[${'#'.repeat(filled)}${' '.repeat(20 - filled)}]`
}

function rowsOf(dataDir: string): Pick<Evidence, 'messages' | 'transitions' | 'attempts'> {
  return withFiles(dataDir, (store) => ({
    messages: store.prepare('select message_id, address, state, reason from messages').all(),
    transitions: store
      .prepare('select message_id, sequence, state, reason, at from message_transitions')
      .all(),
    attempts: store
      .prepare('select message_id, attempt, provider, started_at, ended_at, result from attempts')
      .all(),
  }))
}

function countBy(calls: Call[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { what } of calls) counts[what] = (counts[what] ?? 0) + 1
  return counts
}

interface Sinks {
  ports: Record<ProviderName, number>
  onBounce(listener: (to: string) => void): void
  /** Everything noticed up to now, and its number. */
  calls(): Promise<Call[]>
  callsSoFar(): Promise<number>
  calm(): void
  close(): Promise<void>
}

async function startSinks(seed: number): Promise<Sinks> {
  const child: ChildProcess = fork(new URL('sinks-child.ts', import.meta.url), [String(seed)], {
    stdio: 'inherit',
  })
  const all: Call[] = []
  const listeners: ((to: string) => void)[] = []
  const asked: (() => void)[] = []
  const ports = await new Promise<Record<ProviderName, number>>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the providers ended with code ${code}`)))
    child.on('message', (message: SinkMessage) => {
      if (message.kind === 'listening') resolve(message.ports)
      if (message.kind === 'bounce') for (const listener of listeners) listener(message.to)
      if (message.kind === 'calls') {
        all.push(...message.calls)
        asked.shift()?.()
      }
    })
  })
  const fetchCalls = (): Promise<void> =>
    new Promise((resolve) => {
      asked.push(resolve)
      child.send('calls')
    })
  return {
    ports,
    onBounce: (listener) => listeners.push(listener),
    async calls() {
      await fetchCalls()
      return all
    },
    async callsSoFar() {
      await fetchCalls()
      return all.length
    },
    calm: () => child.send('calm'),
    async close() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
