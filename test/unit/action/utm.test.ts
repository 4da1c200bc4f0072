import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withOpenPixel } from '../../../src/action/open-pixel.ts'
import { withUtm } from '../../../src/action/utm.ts'

const utm = { source: 'starling', medium: 'email' }

describe('UTM parameters', () => {
  test.each([
    ['https://a.example', 'https://a.example?utm_source=starling&utm_medium=email'],
    ['https://a.example/x?y=1#z', 'https://a.example/x?y=1&utm_source=starling&utm_medium=email#z'],
    ['https://a.example/x?', 'https://a.example/x?utm_source=starling&utm_medium=email'],
    ['https://a.example/x?y=1&', 'https://a.example/x?y=1&utm_source=starling&utm_medium=email'],
    ['https://a.example/?utm_source=own', 'https://a.example/?utm_source=own&utm_medium=email'],
    ['https://a.example/#/a?b=c', 'https://a.example/?utm_source=starling&utm_medium=email#/a?b=c'],
    // A signed address is not spelled anew.
    [
      'https://a.example/?s=a%2Bb+c&k=%7e',
      'https://a.example/?s=a%2Bb+c&k=%7e&utm_source=starling&utm_medium=email',
    ],
    ['https://a.example/?why?', 'https://a.example/?why?&utm_source=starling&utm_medium=email'],
    ['mailto:ann@example.com', 'mailto:ann@example.com'],
    ['tel:+4930', 'tel:+4930'],
  ])('%s', (url, expected) => {
    expect(withUtm(url, utm)).toBe(expected)
  })

  test('values are written so that an address can hold them', () => {
    expect(withUtm('https://a.example/', { campaign: 'Grüße & #1', term: '' })).toBe(
      'https://a.example/?utm_campaign=Gr%C3%BC%C3%9Fe%20%26%20%231',
    )
  })

  test('any address keeps its path, its own parameters and its fragment, and once is enough', () =>
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const once = withUtm(url, utm)
        const [before, after] = [new URL(url), new URL(once)]
        expect([after.pathname, after.hash, after.host]).toEqual([before.pathname, before.hash, before.host])
        expect(after.searchParams.get('utm_source')).toBe(before.searchParams.get('utm_source') ?? 'starling')
        expect(withUtm(once, utm)).toBe(once)
      }),
    ))
})

test('the image that counts opens stands at the end of the mail', () => {
  const image = '<img src="https://s.example/o/t?a&amp;b" width="1" height="1" alt="">'
  const url = 'https://s.example/o/t?a&b'
  expect(withOpenPixel('<p>Hi</p>', url)).toBe(`<p>Hi</p>${image}`)
  expect(withOpenPixel('<html><body><p>Hi</p></body></html>', url)).toBe(
    `<html><body><p>Hi</p>${image}</body></html>`,
  )
  expect(withOpenPixel('<p>&lt;/body&gt; </BODY ></html>', url)).toBe(
    `<p>&lt;/body&gt; ${image}</BODY ></html>`,
  )
})
