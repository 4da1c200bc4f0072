import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLinks } from '../../../src/action/links.ts'
import { parseBounce } from '../../../src/action/parse-bounce.ts'

const messageId = '50cd0123456789abcdef0123456789ab'
const links = createLinks({ secret: 'a secret of thirty-two characters', baseUrl: 'https://s.example' })
const returnPath = links.bounceAddress('bounces@mail.shop.example', messageId)

function sample(name: string, address = returnPath): Buffer {
  const text = readFileSync(new URL(`./bounces/${name}.eml`, import.meta.url), 'utf8')
  return Buffer.from(text.replaceAll('bounces+TOKEN@mail.shop.example', address).replaceAll('\n', '\r\n'))
}

/** A report of one recipient, as short as RFC 3464 allows. */
function report(fields: string): Buffer {
  return Buffer.from(
    `To: bounces@shop.example\r\nMessage-ID: <r@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.example\r\n\r\n${fields.replaceAll('\n', '\r\n')}\r\n\r\n--b--\r\n`,
  )
}

async function only(raw: Buffer) {
  const parsed = await parseBounce(raw)
  if (parsed.kind === 'not-a-report') throw new Error(parsed.detail)
  return parsed.facts.map(({ kind, address }) => `${kind} ${address}`)
}

describe('mails that came back', () => {
  test.each([
    ['postfix', '5.1.1'],
    ['exchange', '5.1.10'],
    ['gmail', '5.1.1'],
  ])('%s: who bounced, how, and which message it was', async (name, status) => {
    const parsed = await parseBounce(sample(name))
    if (parsed.kind === 'not-a-report') throw new Error(parsed.detail)
    expect(parsed.facts).toMatchObject([{ kind: 'hard-bounce', messageId, address: 'ann@example.com' }])
    expect(parsed.facts[0]?.reason.startsWith(`${status} 550`)).toBe(true)
    expect(parsed.recipients.map((address) => links.verifyBounce(address))).toContain(messageId)
  })

  test('a complaint of a feedback loop (RFC 5965)', async () => {
    const parsed = await parseBounce(sample('complaint'))
    if (parsed.kind === 'not-a-report') throw new Error(parsed.detail)
    expect(parsed.facts).toMatchObject([{ kind: 'complaint', messageId, address: 'ann@example.com' }])
    expect(parsed.recipients.map((address) => links.verifyBounce(address))).toContain(messageId)
  })

  test('an out-of-office answer is no bounce, whatever it says', async () => {
    expect((await parseBounce(sample('out-of-office'))).kind).toBe('not-a-report')
  })

  test.each([
    ['failed', '5.1.1', '', 'hard-bounce'],
    ['failed', '5.2.1', '', 'hard-bounce'],
    ['failed', '4.4.1', '', 'soft-bounce'],
    // A full mailbox is emptied; a policy is about who sends.
    ['failed', '5.2.2', '', 'soft-bounce'],
    ['failed', '5.7.1', '', 'soft-bounce'],
    ['Failed', '5.0.0', 'smtp; 550 5.1.1 no such user', 'hard-bounce'],
    ['failed', '5.0.0', 'smtp; 552 5.2.2 over quota', 'soft-bounce'],
    ['failed', '', 'smtp; 550 no such user', 'hard-bounce'],
    ['failed', '5.1.1 (bad destination mailbox address)', '', 'hard-bounce'],
    ['delayed', '4.4.1', '', null],
    ['delivered', '2.0.0', '', 'delivered'],
    ['relayed', '2.1.9', '', 'delivered'],
  ])('action %s with status %s %s', async (action, status, diagnostic, kind) => {
    const raw = report(
      `Final-Recipient: RFC822; <ann@example.com>\nAction: ${action}\n${status === '' ? '' : `Status: ${status}\n`}Diagnostic-Code: ${diagnostic}`,
    )
    expect(await only(raw)).toEqual(kind === null ? [] : [`${kind} ann@example.com`])
  })

  test('several recipients: the example of RFC 3464, appendix E.3, has each by itself', async () => {
    const raw = report(`Original-Recipient: rfc822;arathib@vnet.ibm.com
Final-Recipient: rfc822;arathib@vnet.ibm.com
Action: failed
Status: 5.0.0 (permanent failure)
Diagnostic-Code: smtp; 550 'arathib@vnet.IBM.COM' is not a registered gateway user
Remote-MTA: dns; vnet.ibm.com

Original-Recipient: rfc822;johnh@hpnjld.njd.hp.com
Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com
Action: delayed
Status: 4.0.0 (hpnjld.njd.jp.com: host name lookup failure)

Original-Recipient: rfc822;wsnell@sdcc13.ucsd.edu
Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 user unknown
Remote-MTA: dns; sdcc13.ucsd.edu`)
    expect(await only(raw)).toEqual([
      'hard-bounce arathib@vnet.ibm.com',
      'hard-bounce wsnell@sdcc13.ucsd.edu',
    ])
  })

  test('a report has the same ids each time that it is handed in, each recipient its own', async () => {
    const ids = async (raw: Buffer) => {
      const parsed = await parseBounce(raw)
      return parsed.kind === 'report' ? parsed.facts.map(({ id }) => id) : []
    }
    expect(await ids(sample('postfix'))).toEqual(await ids(sample('postfix')))
    expect(await ids(sample('postfix'))).not.toEqual(await ids(sample('gmail')))
  })

  test('whatever comes is read without a fault', async () => {
    const whole = sample('postfix')
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.uint8Array({ maxLength: 40 }), async (at, bytes) => {
        const parsed = await parseBounce(
          Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + 20)]),
        )
        expect(['report', 'not-a-report']).toContain(parsed.kind)
      }),
      { numRuns: 60 },
    )
  })
})

describe('the address that a mail comes back to', () => {
  test('has room in a local part, survives lower and upper case, and is signed', () => {
    expect(returnPath.split('@')[0]!.length).toBeLessThanOrEqual(64)
    expect(links.verifyBounce(returnPath)).toBe(messageId)
    expect(links.verifyBounce(returnPath.toUpperCase())).toBe(messageId)
    expect(links.verifyBounce('bounces@mail.shop.example')).toBeNull()
    const others = createLinks({ secret: 'another secret of 32 characters.', baseUrl: 'https://s.example' })
    expect(others.verifyBounce(returnPath)).toBeNull()
  })

  test('with any other digit it is not ours', () =>
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 56 }), fc.constantFrom(...'0123456789abcdef'), (at, digit) => {
        fc.pre(returnPath[at] !== digit)
        const changed = returnPath.slice(0, at) + digit + returnPath.slice(at + 1)
        expect(links.verifyBounce(changed)).toBeNull()
      }),
    ))
})
