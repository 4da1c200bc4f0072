import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Presets, SingleBar } from 'cli-progress'
import { createTransport } from 'nodemailer'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { createLinks } from '../src/action/links.ts'
import { defaultSettings } from '../src/pipeline/in-thread-engine.ts'
import { assembleSender } from '../src/pipeline/roles/sender-role.ts'
import { addressAt, from, installScene, queueMessages, workspace } from './send/scene.ts'
import { sendRaw } from './send/raw-client.ts'

const connections = 32
const rounds = Number(process.env.SEND_ROUNDS ?? 7)
const mailsPerRound = Number(process.env.SEND_MAILS ?? 3000)

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const sink = fork(new URL('./send/sink.ts', import.meta.url))
process.on('exit', () => sink.kill('SIGKILL'))
const [{ port }] = (await once(sink, 'message')) as [{ port: number }]

const noon = Date.UTC(2026, 2, 2, 12)
const startedAt = Date.now()
const clock = { now: () => noon + (Date.now() - startedAt) }
const wallClock = { now: () => Date.now() }
const store = await openStore({ file: join(folder, 'store.db') })
await installScene(store, mailsPerRound * 2, noon)
let txs = 0, txMs = 0
const counted = { ...store, transaction: async (w: any) => { txs++; const t = performance.now(); const r = await store.transaction(w); txMs += performance.now() - t; return r } }
const sender = await assembleSender({
  store: counted as any,
  wake: createWake(),
  clock,
  wallClock,
  random: createSeededRandom(1),
  logger: console,
  settings: { ...defaultSettings, smtpUrl: `smtp://127.0.0.1:${port}`, mailFrom: from, sendsInFlightMax: connections },
})
const pool = createTransport({ pool: true, host: '127.0.0.1', port, maxConnections: connections, ignoreTLS: true })

const html = '<p>x</p>'
for (let round = 0; round < rounds; round++) {
  if (process.env.POOL) {
    const cpu = process.cpuUsage()
    const t = performance.now()
    await Promise.all(Array.from({ length: mailsPerRound }, (_, i) => pool.sendMail({ from, to: addressAt(i), subject: 'Zoë, 10 % für dich', html: html.repeat(400) + 'ö', text: 'Hello Zoë'.repeat(50) })))
    const ms = performance.now() - t
    const used = process.cpuUsage(cpu)
    console.log('pool', Math.round(mailsPerRound * 1000 / ms), 'mails/s', ((used.user + used.system) / mailsPerRound).toFixed(0), 'us cpu')
  }
  await queueMessages(store, `r${round}`, { first: 0, count: mailsPerRound }, clock.now())
  const cpu = process.cpuUsage()
  const t = performance.now()
  let taken = 0
  while (taken < mailsPerRound) taken += await sender.step()
  await sender.drain()
  const ms = performance.now() - t
  const used = process.cpuUsage(cpu)
  console.log('product', Math.round(mailsPerRound * 1000 / ms), 'mails/s', ((used.user + used.system) / mailsPerRound).toFixed(0), 'us cpu', 'tx', txs, (txMs/txs).toFixed(2), 'ms each')
  txs = 0; txMs = 0
}
const states = await store.read.workspace(workspace).selectFrom('messages').select((eb) => ['messages.state', 'messages.reason', eb.fn.countAll().as('n')]).groupBy(['messages.state', 'messages.reason']).execute()
console.log(states)
await sender.close()
process.exit(0)
