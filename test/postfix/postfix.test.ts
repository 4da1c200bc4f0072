import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import PostalMime from 'postal-mime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../faults/harness/client.ts'
import {
  adminKey,
  createServerProcess,
  environmentOf,
  type ServerProcess,
} from '../faults/harness/server-process.ts'
import { bounceDomain, freePort, mailDomain, type Postfix, startPostfix } from './start-postfix.ts'

/**
 * A server as people run it, and Debian's Postfix as its mail server: an event comes in, a mail with DKIM
 * arrives in a mailbox; another comes back from a mailbox that is none, through its signed return path, and
 * suppresses the address.
 */
const here = import.meta.dirname
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const selector = 'spring'

let dataDir: string
let postfix: Postfix
let server: ServerProcess
let client: ReturnType<typeof createClient>

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'starling-postfix-data-'))
  const folder = mkdtempSync(join(tmpdir(), 'starling-postfix-'))
  const port = await freePort()
  const handIn = join(folder, 'hand-in')
  const script = readFileSync(join(here, 'hand-in.sh'), 'utf8')
  writeFileSync(handIn, script.replace('STARLING_PORT', String(port)).replace('STARLING_ADMIN_KEY', adminKey))
  chmodSync(handIn, 0o755)
  postfix = await startPostfix(folder, handIn)
  const { STARLING_SMTP_URL: _, ...environment } = environmentOf({ dataDir, smtpPort: postfix.port })
  const provider = {
    id: 'own',
    kind: 'smtp',
    settings: {
      url: `smtp://127.0.0.1:${postfix.port}`,
      dkim: [{ domain: mailDomain, selector, privateKey }],
    },
  }
  server = createServerProcess({
    port,
    env: {
      ...environment,
      STARLING_PROVIDERS: JSON.stringify([provider]),
      STARLING_BOUNCE_ADDRESS: `bounces@${bounceDomain}`,
    },
  })
  await server.start()
  client = createClient([server.url])
  const yaml = readFileSync(join(here, 'letter.yaml'), 'utf8')
  await client.call('POST', '/api/v1/workspace-file', { yaml, actor: 'ann' })
  for (const action of ['submit', 'approve', 'launch']) {
    await client.call('POST', `/api/v1/campaigns/cart/${action}`, { actor: 'ann' })
  }
})

afterAll(async () => {
  await server?.stop()
  await postfix?.stop()
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true })
})

test('a mail with DKIM arrives in a local mailbox', async () => {
  await fillCart('ann', `ann@${mailDomain}`)
  const mailbox = postfix.mailbox('ann')
  await until('a mail in the mailbox', () => existsSync(mailbox) && readdirSync(mailbox).length > 0)
  const [file, ...others] = readdirSync(mailbox)
  expect(others).toEqual([])
  const raw = readFileSync(join(mailbox, file!))

  const mail = await PostalMime.parse(raw)
  expect(mail).toMatchObject({
    subject: 'Grüße, Zoë – dein Korb wartet',
    from: { name: 'Acme Shöp', address: `hello@${mailDomain}` },
    to: [{ address: `ann@${mailDomain}` }],
  })
  expect(mail.html).toContain('dein Korb')
  expect(mail.returnPath).toMatch(/^<?bounces\+[0-9a-f]{32}-[0-9a-f]{16}@bounces\.acme\.example>?$/)

  const { results } = await dkimVerify(raw, {
    resolver: async (name: string) => {
      expect(name).toBe(`${selector}._domainkey.${mailDomain}`)
      return [[`v=DKIM1; k=rsa; p=${publicKey}`]]
    },
  })
  expect(results.map(({ status }) => status.result)).toEqual(['pass'])
  expect(results[0]).toMatchObject({ signingDomain: mailDomain, status: { aligned: mailDomain } })
  const covered = (results[0]!.signingHeaders?.keys ?? '').toLowerCase()
  for (const header of ['from', 'subject', 'list-unsubscribe', 'list-unsubscribe-post'])
    expect(covered).toContain(header)
})

test('what comes back from a mailbox that is none suppresses its address', async () => {
  const address = `nobody@${mailDomain}`
  await fillCart('nobody', address)
  const suppressions = async () => JSON.stringify(await get('/api/v1/suppressions'))
  await until('the suppression', async () => (await suppressions()).includes(address))
  expect(postfix.log()).toContain('status=bounced (unknown user')
  // The return path named the message: its story says so.
  const { items } = (await get('/api/v1/messages?limit=10')) as {
    items: { address: string; state: string }[]
  }
  expect(items.map((own) => own.address).sort()).toEqual([`ann@${mailDomain}`, address])
  expect(items.every(({ state }) => state === 'sent')).toBe(true)

  // Nothing more goes there.
  await client.deliver([
    { type: 'track', messageId: 'cart-nobody-2', userId: 'nobody', event: 'Cart Updated' },
  ])
  await fillCart('ann-2', `ann@${mailDomain}`)
  await until('the second mail', () => readdirSync(postfix.mailbox('ann')).length === 2)
  const after = (await get('/api/v1/messages?limit=10')) as { items: { address: string }[] }
  expect(after.items.filter((own) => own.address === address)).toHaveLength(1)
})

async function fillCart(userId: string, email: string): Promise<void> {
  const traits = { email, firstName: 'Zoë' }
  await client.deliver([{ type: 'identify', messageId: `identify-${userId}`, userId, traits }])
  await client.deliver([{ type: 'track', messageId: `cart-${userId}`, userId, event: 'Cart Updated' }])
}

async function get(path: string): Promise<unknown> {
  const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${adminKey}` } })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

/** Postfix tells nobody when it has delivered. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await wait(50)) if (await holds()) return
  throw new Error(`waited a minute for ${what}; Postfix says:\n${postfix.log()}`)
}
