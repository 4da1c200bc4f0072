import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Presets, SingleBar } from 'cli-progress'
import { readConfig } from '../../config.ts'
import { serve } from '../../serve.ts'
import { type ChallengeRow, readChallenge } from './challenge-rows.ts'

const usage = `npm run -s hillstrom -- --data FILE
sends the customers of the MineThatData e-mail challenge and their outcomes through the HTTP door, imports the
recorded arms as decisions of a fixed split, and prints the report as JSON`

const { values } = parseArgs({ options: { data: { type: 'string' } } })
if (values.data === undefined) {
  console.error(usage)
  process.exit(64)
}

const keys = { writeKey: 'hillstrom-write', adminKey: 'hillstrom-admin' }
const eventsPerRequest = 500
const linesPerImport = 5000
const requestsAtOnce = 4
const day = 86_400_000
/** The challenge gave customers two weeks; here they begin twenty days ago. */
const decidedAt = Date.now() - 20 * day

const rows = await readChallenge(values.data)
const dataDir = mkdtempSync(join(tmpdir(), 'starling-hillstrom-'))
const config = readConfig(
  {
    STARLING_DATA_DIR: dataDir,
    STARLING_PORT: '0',
    STARLING_WRITE_KEY: keys.writeKey,
    STARLING_ADMIN_KEY: keys.adminKey,
    STARLING_REPORTING_CURRENCY: 'USD',
  },
  dataDir,
)
if (config.kind === 'faults') throw new Error(config.faults.join('\n'))
const started = await serve(config.config)
if (started.kind === 'refused') throw new Error(started.reason)
const { url } = started.server
try {
  await installCampaign()
  await sendEvents('customers', rows.map(identify))
  await importArms(rows)
  await sendEvents('outcomes', rows.flatMap(outcomes))
  await settled()
  const report = await admin('GET', '/campaigns/hillstrom/report')
  console.log(JSON.stringify(report, null, 2))
} finally {
  await started.server.close()
  rmSync(dataDir, { recursive: true, force: true })
}

async function installCampaign(): Promise<void> {
  const yaml = readFileSync(new URL('./hillstrom.yaml', import.meta.url), 'utf8')
  await admin('POST', '/workspace-file', { yaml, dryRun: false })
  for (const action of ['submit', 'approve', 'launch']) {
    await admin('POST', `/campaigns/hillstrom/${action}`, { actor: 'hillstrom', note: 'recorded history' })
  }
}

function identify({ userId, traits }: ChallengeRow, index: number): object {
  return { type: 'identify', messageId: `customer-${index}`, userId, traits, timestamp: iso(decidedAt - day) }
}

function outcomes({ userId, visited, converted, spend }: ChallengeRow, index: number): object[] {
  const event = (name: string, properties: object): object => {
    return {
      type: 'track',
      event: name,
      messageId: `${name}-${index}`,
      userId,
      properties,
      timestamp: iso(decidedAt + day),
    }
  }
  return [
    ...(visited ? [event('Visited', {})] : []),
    ...(converted ? [event('Converted', {})] : []),
    ...(spend > 0 ? [event('Order Completed', { revenue: spend, currency: 'USD' })] : []),
  ]
}

async function importArms(all: ChallengeRow[]): Promise<void> {
  const bar = startBar('arms', all.length)
  for (let from = 0; from < all.length; from += linesPerImport) {
    const lines = all
      .slice(from, from + linesPerImport)
      .map(({ userId, arm }) => `${userId},hillstrom,${arm},${1 / 3},${iso(decidedAt)}`)
    const csv = `userId,campaign,arm,propensity,decidedAt\n${lines.join('\n')}\n`
    const answer = (await request('POST', '/api/v1/imports/decisions', csv, {
      authorization: `Bearer ${keys.adminKey}`,
      'content-type': 'text/csv',
    })) as { imported: number; refused: { line: number; detail: string }[] }
    if (answer.refused.length > 0)
      throw new Error(`line ${answer.refused[0]?.line}: ${answer.refused[0]?.detail}`)
    bar.increment(lines.length)
  }
  bar.stop()
}

async function sendEvents(what: string, events: object[]): Promise<void> {
  const bar = startBar(what, events.length)
  const batches: object[][] = []
  for (let from = 0; from < events.length; from += eventsPerRequest) {
    batches.push(events.slice(from, from + eventsPerRequest))
  }
  const sendNext = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const body = JSON.stringify({ batch, sentAt: iso(Date.now()) })
      const answer = (await request('POST', '/v1/batch', body, {
        authorization: `Basic ${Buffer.from(`${keys.writeKey}:`).toString('base64')}`,
        'content-type': 'application/json',
      })) as { rejected?: unknown[] }
      if ((answer.rejected ?? []).length > 0) throw new Error(JSON.stringify(answer.rejected?.[0]))
      bar.increment(batch.length)
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, sendNext))
  bar.stop()
}

/** Everything acknowledged has been applied when nothing of the log is left to read. */
async function settled(): Promise<void> {
  for (;;) {
    const { logLag } = (await admin('GET', '/status')) as { logLag: number }
    if (logLag === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function admin(method: string, path: string, body?: object): Promise<unknown> {
  return request(method, `/api/v1${path}`, body === undefined ? undefined : JSON.stringify(body), {
    authorization: `Bearer ${keys.adminKey}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  })
}

async function request(
  method: string,
  path: string,
  body: string | undefined,
  headers: Record<string, string>,
): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return JSON.parse(text)
}

function startBar(what: string, total: number): SingleBar {
  const bar = new SingleBar(
    { format: `${what.padEnd(10)} {bar} {value}/{total}`, noTTYOutput: false },
    Presets.shades_classic,
  )
  bar.start(total, 0)
  return bar
}

function iso(instantMs: number): string {
  return new Date(instantMs).toISOString()
}
