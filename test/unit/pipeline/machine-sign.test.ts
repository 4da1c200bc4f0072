import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allLinksAtOnce, signOfEngagement } from '../../../src/pipeline/machine-sign.ts'

const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const gmailProxy = 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)'
const minute = 60_000

describe('one request', () => {
  test.each([
    ['a reader with Chrome', 'click', { userAgent: chrome, sinceSendMs: minute }, null],
    ['a reader with a telephone', 'click', { userAgent: iphone, sinceSendMs: 8000 }, null],
    ['HEAD before GET (Outlook’s Safe Links)', 'click', { method: 'HEAD', userAgent: chrome }, 'head'],
    ['as the mail leaves', 'click', { userAgent: chrome, sinceSendMs: 900 }, 'too-soon'],
    [
      'a browser that fetches ahead',
      'click',
      { userAgent: chrome, headers: { 'sec-purpose': 'prefetch;prerender' } },
      'prefetch',
    ],
    ['Safari’s top hit', 'click', { userAgent: iphone, headers: { 'x-purpose': 'preview' } }, 'prefetch'],
    ['no name', 'click', { userAgent: '' }, 'user-agent'],
    [
      'a preview in a chat',
      'click',
      { userAgent: 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' },
      'user-agent',
    ],
    ['WhatsApp', 'click', { userAgent: 'WhatsApp/2.24.10.85 A' }, 'user-agent'],
    ['a gateway', 'click', { userAgent: 'Mozilla/5.0 (compatible; Barracuda Sentinel)' }, 'user-agent'],
    ['a program', 'click', { userAgent: 'python-requests/2.32.3' }, 'user-agent'],
    ['a headless browser', 'click', { userAgent: 'Mozilla/5.0 HeadlessChrome/126.0.0.0' }, 'user-agent'],
    ['an open in Gmail, through its proxy', 'open', { userAgent: gmailProxy, sinceSendMs: minute }, null],
    [
      'an open in Yahoo',
      'open',
      { userAgent: 'YahooMailProxy; https://help.yahoo.com/kb/SLN28749.html' },
      null,
    ],
    ['Apple’s Mail Privacy Protection', 'open', { userAgent: 'Mozilla/5.0' }, 'mail-privacy'],
    [
      'Apple Mail without it',
      'open',
      {
        userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)',
      },
      null,
    ],
    [
      'an open at once is a mail program’s that shows new mail',
      'open',
      { userAgent: chrome, sinceSendMs: 500 },
      null,
    ],
  ] as const)('%s', (_name, kind, request, sign) => {
    expect(signOfEngagement(kind, request)).toBe(sign)
  })
})

describe('recorded sequences', () => {
  const walked = (clicks: [url: string, at: number][]) => {
    const seen = clicks.map(([url, at]) => ({ url, at }))
    const machine = allLinksAtOnce(seen)
    return seen.map((click) => machine.has(click))
  }

  test('a gateway walks over all links within half a second', () => {
    expect(
      walked([
        ['/a', 0],
        ['/b', 120],
        ['/c', 260],
        ['/unsubscribe-help', 410],
      ]),
    ).toEqual([true, true, true, true])
  })
  test('it goes on slowly, each link at most a second after the one before', () => {
    expect(
      walked([
        ['/a', 0],
        ['/b', 900],
        ['/c', 1800],
        ['/d', 2700],
      ]),
    ).toEqual([true, true, true, true])
  })
  test('after it, the reader', () => {
    expect(
      walked([
        ['/a', 0],
        ['/b', 100],
        ['/a', 45_000],
      ]),
    ).toEqual([true, true, false])
  })
  test('a reader comes back from the first page before the second', () => {
    expect(
      walked([
        ['/a', 0],
        ['/b', 6000],
      ]),
    ).toEqual([false, false])
  })
  test('the same link twice is impatience', () => {
    expect(
      walked([
        ['/a', 0],
        ['/a', 300],
        ['/a', 700],
      ]),
    ).toEqual([false, false, false])
  })
  test('whatever the order in which they arrive', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ url: fc.constantFrom('/a', '/b', '/c'), at: fc.nat(10_000) }), { maxLength: 8 }),
        (clicks) => {
          const there = allLinksAtOnce(clicks)
          const back = allLinksAtOnce([...clicks].reverse())
          expect(new Set(back)).toEqual(new Set(there))
        },
      ),
    ))
})
