import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { checkDkim } from '../../../../src/action/doctor/check-dkim.ts'
import { checkDmarc } from '../../../../src/action/doctor/check-dmarc.ts'
import { checkSender } from '../../../../src/action/doctor/check-sender.ts'
import { checkSpf } from '../../../../src/action/doctor/check-spf.ts'
import type { Finding } from '../../../../src/action/doctor/finding.ts'

const zone = (records: Record<string, string | string[]>) => async (name: string) =>
  [records[name] ?? []].flat()
const level = (found: Finding | Finding[]) => [found].flat().map((own) => own.level)

describe('SPF', () => {
  const of = (record: string | string[], more: Record<string, string> = {}) =>
    checkSpf('shop.test', zone({ 'shop.test': record, ...more }))

  test.each([
    ['v=spf1 ip4:192.0.2.0/24 -all', 'ok'],
    ['v=spf1 mx ~all', 'ok'],
    ['v=spf1 a/24 mx:mx.shop.test/28 -all', 'ok'],
    ['v=spf1 redirect=_spf.shop.test', 'ok'],
    ['v=spf1 mx +all', 'fault'],
    ['v=spf1 mx all', 'fault'],
    ['v=spf1 mx ?all', 'warning'],
    ['v=spf1 mx', 'warning'],
    ['v=spf10 mx -all', 'fault'],
    ['google-site-verification=x', 'fault'],
    ['v=spf1 include:nowhere.test -all', 'fault'],
  ])('%s: %s', async (record, expected) => {
    expect(level(await of(record, { '_spf.shop.test': 'v=spf1 mx -all' }))).toEqual([expected])
  })

  test('two records are none (RFC 7208, 4.5)', async () => {
    expect(level(await of(['v=spf1 mx -all', 'v=spf1 a -all', 'other']))).toEqual(['fault'])
  })

  test('more than ten look-ups, those of includes among them, break it (RFC 7208, 4.6.4)', async () => {
    const inner = {
      'a.test': 'v=spf1 a mx ptr exists:x.test -all',
      'b.test': 'v=spf1 include:a.test mx -all',
    }
    const ten = await of('v=spf1 include:a.test mx a ip4:192.0.2.1 include:c.test -all', {
      ...inner,
      'c.test': 'v=spf1 a -all',
    })
    expect(level(ten)).toEqual(['ok'])
    const eleven = await of('v=spf1 include:b.test mx a exists:%{i}.x.test a:y.test -all', inner)
    expect(eleven).toMatchObject({ level: 'fault', detail: expect.stringContaining('11 look-ups') })
  })

  test('an include that includes itself is a fault, and ends', async () => {
    expect(level(await of('v=spf1 include:shop.test -all'))).toEqual(['fault'])
  })
})

describe('DKIM', () => {
  // RFC 8463, appendix A.2.
  const ed25519 = 'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='
  const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength })
  const record = (keys: ReturnType<typeof rsa>) =>
    `v=DKIM1; k=rsa; p=${keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`
  const of = (text: string, privateKey?: string) =>
    checkDkim(
      { domain: 'shop.test', selector: 's1', ...(privateKey === undefined ? {} : { privateKey }) },
      zone({ 's1._domainkey.shop.test': text }),
    )
  const keys = rsa(2048)
  const pem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

  test('keys of both sorts, and whether they are ours', async () => {
    expect(level(await of(ed25519))).toEqual(['ok'])
    expect(level(await of(record(keys), pem))).toEqual(['ok'])
    expect(level(await of(record(keys).replace('v=DKIM1; k=rsa; ', '')))).toEqual(['ok'])
    expect(await of(record(rsa(2048)), pem)).toMatchObject({
      level: 'fault',
      detail: expect.stringContaining('not the public half'),
    })
  })

  test.each([
    ['', 'fault'],
    ['v=DKIM1; p=', 'fault'],
    ['v=DKIM1; p=bm90IGEga2V5', 'fault'],
    ['v=DKIM2; p=x', 'fault'],
    [`${ed25519}; t=y`, 'warning'],
  ])('%j: %s', async (text, expected) => {
    expect(level(await of(text))).toEqual([expected])
  })

  test('a short key is a warning', async () => {
    expect(level(await of(record(rsa(1024))))).toEqual(['warning'])
  })
})

describe('DMARC', () => {
  const of = (records: Record<string, string | string[]>, domain = 'mail.shop.test', returned = domain) =>
    checkDmarc(domain, returned, zone(records)).then(level)

  test('the name’s own, else its organisation’s', async () => {
    expect(await of({ '_dmarc.mail.shop.test': 'v=DMARC1; p=reject; rua=mailto:a@shop.test' })).toEqual([
      'ok',
    ])
    const parent = 'v=DMARC1; p=reject; sp=none; rua=mailto:a@shop.test'
    expect(await of({ '_dmarc.shop.test': parent })).toEqual(['warning'])
    expect(await of({ '_dmarc.shop.test': parent }, 'shop.test')).toEqual(['ok'])
    expect(await of({})).toEqual(['fault'])
  })

  test.each([
    ['v=DMARC1; p=quarantine; rua=mailto:a@b.test', ['ok']],
    ['v=DMARC1; p=none; rua=mailto:a@b.test', ['warning']],
    ['v=DMARC1; p=reject', ['ok', 'warning']],
    ['v=DMARC1; rua=mailto:a@b.test', ['fault']],
    ['v=DMARC1; p=perhaps', ['fault']],
    [['v=DMARC1; p=none', 'v=DMARC1; p=reject'], ['fault']],
  ])('%j', async (record, expected) => {
    expect(await of({ '_dmarc.mail.shop.test': record })).toEqual(expected)
  })

  test('a return path of another organisation leaves DKIM alone', async () => {
    const record = { '_dmarc.shop.test': 'v=DMARC1; p=reject; rua=mailto:a@shop.test' }
    expect(await of(record, 'shop.test', 'bounces.shop.test')).toEqual(['ok'])
    expect(await of(record, 'shop.test', 'esp.test')).toEqual(['ok', 'warning'])
    const strict = { '_dmarc.shop.test': 'v=DMARC1; p=reject; aspf=s; rua=mailto:a@shop.test' }
    expect(await of(strict, 'shop.test', 'bounces.shop.test')).toEqual(['ok', 'warning'])
  })
})

test('a DNS that does not answer is a warning, and what can be asked is told', async () => {
  const broken = () => Promise.reject(new Error('ETIMEOUT'))
  const found = await checkSender({ domain: 'shop.com', returnDomain: 'shop.com', dkim: [] }, broken)
  expect(found.map((own) => own.level)).toEqual(['warning', 'warning', 'warning'])
  const nobody = await checkSender({ domain: 'starling.localhost', returnDomain: 'x', dkim: [] }, broken)
  expect(nobody.map((own) => own.level)).toEqual(['fault'])
})
