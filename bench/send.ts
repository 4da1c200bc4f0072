import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Presets, SingleBar } from 'cli-progress'
import { makeLetters, openPool } from './send/pool.ts'
import { openProduct } from './send/product.ts'
import { sendRaw } from './send/raw-client.ts'

/**
 * Mails a second through the whole path (claim, gate, render, message, send, result; a store on disk with full
 * durability) to a sink on loopback in a process of its own, divided by what a bare nodemailer pool makes of
 * composing and sending letters of the same words, which are rendered for it beforehand. The same number of
 * connections, short rounds in turns so that a slow moment of the machine hits all, the median of the rounds'
 * ratios. Beside it the same with DKIM (rsa-sha256, 2048 bits) on both sides, the CPU that a mail costs, and
 * the share of what the sink takes from a client that only awaits the answer to each command.
 */
const ratioMin = 1.5
const connections = 32
const mailsPerRound = Number(process.env.SEND_MAILS ?? 2000)
const rounds = Number(process.env.SEND_ROUNDS ?? 9)

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
const sink = fork(new URL('./send/sink.ts', import.meta.url))
process.on('exit', () => {
  sink.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
const [{ port }] = (await once(sink, 'message')) as [{ port: number }]

const dkim = {
  domain: 'acme.example',
  selector: 'bench',
  privateKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string,
}
const letters = makeLetters(mailsPerRound)
const sizes = { port, connections, customers: mailsPerRound }
const product = await openProduct(folder, 'plain', { ...sizes, dkim: null })
const signing = await openProduct(folder, 'signing', { ...sizes, dkim })
const pool = openPool(port, connections, letters, null)
const signingPool = openPool(port, connections, letters, dkim)

interface Way {
  prepare?: (count: number) => Promise<void>
  send(count: number): Promise<void>
}
const ways = {
  product: { prepare: product.queue, send: product.send },
  pool: { send: pool.round },
  productDkim: { prepare: signing.queue, send: signing.send },
  poolDkim: { send: signingPool.round },
  raw: { send: (count: number) => sendRaw(port, count, connections) },
} satisfies Record<string, Way>
type Name = keyof typeof ways
const names = Object.keys(ways) as Name[]

interface Round {
  mailsPerSecond: number
  cpuMicrosPerMail: number
  bytesPerMail: number
}
const measured = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<Name, Round[]>
const bar = new SingleBar(
  { format: '{bar} {value}/{total} rounds', stream: process.stderr },
  Presets.shades_classic,
)
bar.start(rounds + 1, 0)
for (let round = 0; round <= rounds; round++) {
  // Who comes first is slowed by what the one before left behind: they take turns in it.
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    const figures = await measure(ways[name])
    // The first round opens the connections and warms up.
    if (round > 0) measured[name].push(figures)
  }
  bar.update(round + 1)
}
bar.stop()
for (const own of [product, signing]) {
  const { count, reason } = await own.unsent()
  if (count > 0) throw new Error(`${count} messages were not sent: ${reason}`)
  await own.close()
}
pool.close()
signingPool.close()
process.exitCode = tell()
sink.disconnect()

async function measure(way: Way): Promise<Round> {
  await way.prepare?.(mailsPerRound)
  const before = await askSink()
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await way.send(mailsPerRound)
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  const after = await askSink()
  const arrived = after.mails - before.mails
  if (arrived !== mailsPerRound) throw new Error(`${arrived} of ${mailsPerRound} mails arrived`)
  return {
    mailsPerSecond: (mailsPerRound * 1000) / ms,
    cpuMicrosPerMail: (user + system) / mailsPerRound,
    bytesPerMail: (after.bytes - before.bytes) / arrived,
  }
}

async function askSink(): Promise<{ mails: number; bytes: number }> {
  const answer = once(sink, 'message')
  sink.send('count')
  return ((await answer) as [{ mails: number; bytes: number }])[0]
}

function tell(): number {
  const ratio = ratioOf('product', 'pool')
  const of = (name: Name, figure: keyof Round) => Math.round(median(measured[name].map((own) => own[figure])))
  console.log(
    JSON.stringify({
      bench: 'send',
      value: of('product', 'mailsPerSecond'),
      baseline: of('pool', 'mailsPerSecond'),
      ratio,
      ratio_with_dkim: ratioOf('productDkim', 'poolDkim'),
      with_dkim: of('productDkim', 'mailsPerSecond'),
      baseline_with_dkim: of('poolDkim', 'mailsPerSecond'),
      sink_max: of('raw', 'mailsPerSecond'),
      share_of_sink: ratioOf('product', 'raw'),
      cpu_micros_per_mail: {
        product: of('product', 'cpuMicrosPerMail'),
        pool: of('pool', 'cpuMicrosPerMail'),
        product_dkim: of('productDkim', 'cpuMicrosPerMail'),
        pool_dkim: of('poolDkim', 'cpuMicrosPerMail'),
      },
      bytes_per_mail: { product: of('product', 'bytesPerMail'), pool: of('pool', 'bytesPerMail') },
      connections,
      rounds,
      mails_per_round: mailsPerRound,
      baseline_is: `mails/s of a nodemailer pool with ${connections} connections that composes and sends the same words, rendered beforehand`,
    }),
  )
  return ratio >= ratioMin ? 0 : 1
}

function ratioOf(value: Name, baseline: Name): number {
  const ratios = measured[value].map(
    (own, round) => own.mailsPerSecond / measured[baseline][round]!.mailsPerSecond,
  )
  return Math.round(median(ratios) * 1000) / 1000
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
