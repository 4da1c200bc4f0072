import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLinks } from '../../../src/action/links.ts'
import { rewriteLinks } from '../../../src/action/rewrite-links.ts'

const secret = 'a secret of thirty-two characters'
const links = createLinks({ secret, baseUrl: 'https://s.example/' })
const tokenOf = (url: string) => url.slice(url.lastIndexOf('/') + 1)

describe('signed links', () => {
  test('carry what they name', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.webUrl(), (workspace, messageId, url) => {
        expect(links.verifyClick(tokenOf(links.clickUrl(workspace, messageId, url)))).toEqual({
          workspace,
          messageId,
          url,
        })
        expect(links.verifyUnsubscribe(tokenOf(links.unsubscribeUrl(workspace, messageId)))).toEqual({
          workspace,
          messageId,
        })
      }),
    )
  })

  test('are URL-safe and signed with HMAC-SHA256 over kind and payload', () => {
    const url = links.unsubscribeUrl('acme', 'm1')
    const payload = Buffer.from('["acme","m1"]').toString('base64url')
    const signature = createHmac('sha256', secret).update(`unsubscribe\0${payload}`).digest('base64url')
    expect(url).toBe(`https://s.example/u/${payload}.${signature}`)
    expect(url).toMatch(/^https:\/\/s\.example\/u\/[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/)
  })

  test('a token of one kind is none of another', () => {
    const token = tokenOf(links.openUrl('acme', 'm1'))
    expect(links.verifyOpen(token)).toEqual({ workspace: 'acme', messageId: 'm1' })
    expect(links.verifyUnsubscribe(token)).toBeNull()
  })

  test('any change of a character is noticed', () => {
    const token = tokenOf(links.clickUrl('acme', 'm1', 'https://shop.example'))
    fc.assert(
      fc.property(fc.nat(token.length - 2), fc.constantFrom(...'aZ0_-.'), (at, character) => {
        const forged = token.slice(0, at) + character + token.slice(at + 1)
        expect(links.verifyClick(forged) === null).toBe(forged !== token)
      }),
    )
  })

  test('a character whose lower byte is the right one is noticed too', () => {
    const token = tokenOf(links.clickUrl('acme', 'm1', 'https://shop.example'))
    const dot = token.indexOf('.')
    for (let at = 0; at < dot; at++) {
      const alias = String.fromCharCode(token.charCodeAt(at) + 0x100)
      expect(links.verifyClick(token.slice(0, at) + alias + token.slice(at + 1))).toBeNull()
    }
  })

  test.each([16, 63, 64, 65, 200])('a secret of %i bytes signs as HMAC does', (bytes) => {
    const own = createLinks({ secret: 'é'.repeat(bytes).slice(0, bytes), baseUrl: 'https://s.example' })
    const [payload, signature] = tokenOf(own.openUrl('acme', 'm'.repeat(9000))).split('.')
    const expected = createHmac('sha256', 'é'.repeat(bytes).slice(0, bytes)).update(`open\0${payload}`)
    expect(signature).toBe(expected.digest('base64url'))
  })

  test.each(['', '.', 'a.b', 'a.b.c', '..', 'x'.repeat(10_000)])('%j is not ours', (token) => {
    expect(links.verifyClick(token)).toBeNull()
  })

  test('another secret does not verify; a short one is refused', () => {
    const other = createLinks({ secret: 'another secret, thirty-two chars', baseUrl: 'https://s.example' })
    expect(other.verifyOpen(tokenOf(links.openUrl('acme', 'm1')))).toBeNull()
    expect(() => createLinks({ secret: 'short', baseUrl: 'x' })).toThrow('16 bytes')
  })
})

describe('rewriting', () => {
  const seen = (html: string): string[] => {
    const urls: string[] = []
    rewriteLinks(html, (url) => {
      urls.push(url)
      return null
    })
    return urls
  }

  test.each([
    ['<a href="https://x.example/a">', ['https://x.example/a']],
    ["<A class=x HREF='http://x.example'>", ['http://x.example']],
    ['<a href=https://x.example/a?b=c>', ['https://x.example/a?b=c']],
    ['<a\n  data-x="a > b" href = "https://x.example/?a=1&amp;b=2">', ['https://x.example/?a=1&b=2']],
    ['<a href="https://x.example/?q&#x3D;1&#61;2">', ['https://x.example/?q=1=2']],
    ['<area shape="rect" href="https://x.example/map">', ['https://x.example/map']],
    ['<a href="https://first.example" href="https://second.example">', ['https://first.example']],
    ['<a/href="https://x.example">', ['https://x.example']],
    ['<a title="<a href=\'https://no.example\'>" href="https://x.example">', ['https://x.example']],
    ['<a href="mailto:a@x.example"><a href="#top"><a href="/here"><a href="tel:1">', []],
    ['<link href="https://x.example/a.css"><img src="https://x.example/a.png">', []],
    ['<!-- <a href="https://no.example"> -->', []],
    ['<style>a::before{content:"<a href=https://no.example>"}</style>', []],
    ['<title><a href="https://no.example"></title><a href="https://x.example">', ['https://x.example']],
    ['a < b and <3 <a href="https://x.example">', ['https://x.example']],
    ['<abbr href="https://no.example"></a href="https://no.example">', []],
    ['<a href="https://x.example', []],
  ])('%s', (html, urls) => {
    expect(seen(html)).toEqual(urls)
  })

  test('the new address is escaped and all else stays byte for byte', () => {
    const html = `<p title='a>b'>ü <a class="x" href='https://x.example/?a=1&amp;b=2' id=y>go</a></p>`
    expect(rewriteLinks(html, (url) => `https://s.example/?u=${url}&x="`)).toBe(
      `<p title='a>b'>ü <a class="x" href="https://s.example/?u=https://x.example/?a=1&amp;b=2&amp;x=&quot;" id=y>go</a></p>`,
    )
  })

  test.each([
    'javascript:alert(1)',
    ' JaVa\tscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'java&#10;script:x',
  ])('%j does not survive', (url) => {
    expect(rewriteLinks(`<a href="${url}">x</a>`, () => null)).toBe('<a href="#">x</a>')
  })

  test('never throws and changes nothing where nothing is to change', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            '<',
            '>',
            'a',
            ' href=',
            '"',
            "'",
            '!--',
            '-->',
            '/',
            'https://x.example',
            '<style>',
            '=',
          ),
        ),
        (parts) => {
          const html = parts.join('')
          expect(rewriteLinks(html, () => null)).toBe(html)
        },
      ),
    )
  })
})
