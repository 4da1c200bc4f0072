import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDnsServer } from '../../support/dns-server.ts'
import { type CliWorld, openCliWorld } from './cli-world.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

let world: CliWorld
let dns: Awaited<ReturnType<typeof startDnsServer>>
beforeAll(async () => {
  world = openCliWorld()
  dns = await startDnsServer({
    'shop.de': ['v=spf1 mx -all', 'another=record'],
    's1._domainkey.shop.de': [`v=DKIM1; k=rsa; p=${publicKey}`],
    '_dmarc.shop.de': ['v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.de'],
  })
  await world.serve()
})
afterAll(async () => {
  dns.close()
  await world.close()
})

interface Found {
  findings: { level: string; about: string }[]
}

test('a sender whose records are in order: nothing of the DNS is at fault', async () => {
  const ran = await world.run(
    ['doctor', '--json', '--dns', dns.address, '--from', 'Shop <hello@shop.de>', '--selector', 's1'],
    { environment: { STARLING_PUBLIC_URL: 'https://start.shop.de' } },
  )
  const { findings } = ran.json() as unknown as Found
  const told = Object.fromEntries(findings.map(({ about, level }) => [about, level]))
  expect(told).toEqual({
    publicUrl: 'ok',
    providers: 'warning',
    bounceAddress: 'warning',
    'data folder': 'ok',
    server: 'ok',
    'send mode': 'warning',
    'SPF of shop.de': 'ok',
    'DKIM of shop.de, selector s1': 'ok',
    'DMARC of shop.de': 'ok',
  })
  expect(ran.code).toBe(0)
  expect(new Set(dns.asked)).toEqual(new Set(['shop.de', 's1._domainkey.shop.de', '_dmarc.shop.de']))
})

test('a sender without records: each fault in plain words, and exit code 65', async () => {
  const ran = await world.run(['doctor', '--dns', dns.address, '--from', 'hello@other.de'])
  expect(ran.code).toBe(65)
  expect(ran.stdout).toContain('FAULT    SPF of other.de: no TXT record begins with v=spf1')
  expect(ran.stdout).toContain('FAULT    DMARC of other.de: no TXT record at _dmarc.other.de')
  expect(ran.stdout).toContain('FAULT    publicUrl: it is not set')
})

test('a mail server’s pipe hands in what came back; without a server it is told to try again', async () => {
  const input = readFileSync(new URL('../../unit/action/bounces/postfix.eml', import.meta.url), 'utf8')
  const ran = await world.run(['bounces', '--json', '--recipient', 'bounces@shop.de'], { input })
  expect([ran.code, ran.json()]).toEqual([0, { report: true, told: 1, known: 0 }])
  const away = { STARLING_URL: 'http://127.0.0.1:9', STARLING_ADMIN_KEY: 'a-key-of-nobody' }
  expect((await world.run(['bounces'], { input, environment: away })).code).toBe(75)
})
