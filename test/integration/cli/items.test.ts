import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { adminKey, type DoorWorld, openDoorWorld } from '../api/door-world.ts'

const guides = new URL('../../../docs/guides/', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'starling-items-'))
let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
})
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

/** The command in this process, against the server. */
async function starling(...args: string[]): Promise<{ code: number; text: string }> {
  const ran = { code: 0, text: '' }
  const write = (text: string) => {
    ran.text += text
    return true
  }
  const program = createProgram({
    environment: { STARLING_URL: world.url, STARLING_ADMIN_KEY: adminKey },
    folder,
    isTerminal: false,
    stdout: write,
    stderr: write,
    exit: (code) => {
      ran.code = code
    },
  })
  await program.parseAsync(args, { from: 'user' })
  return ran
}

test('the guide’s file and its CSV apply; a preview shows what the customer would get, in any locale', async () => {
  const guide = readFileSync(new URL('catalogue.md', guides), 'utf8')
  const csv = /```\n(id,name,[\s\S]*?)```/.exec(guide)?.[1] ?? ''
  writeFileSync(
    join(folder, 'items.csv'),
    `${csv}8,Cup,8,EUR,,https://shop.example/8,Kitchen,,,\n9,,1,EUR,,,,,,\n`,
  )
  const imported = await starling('import', 'items', join(folder, 'items.csv'))
  expect(imported.text).toContain('2 lines imported, 1 refused')
  expect(imported.text).toContain('line 4: name: an item has a name')
  expect((await starling('items', 'list')).text).toMatch(/7 +Green tea +4\.5 EUR +12 +Tea, Hot drinks/)

  const yaml = readFileSync(new URL('items.yaml', guides), 'utf8')
  const applied = await world.call('POST', '/workspace-file', { yaml })
  expect([applied.status, applied.body]).toMatchObject([200, {}])
  await world.identify('ada', { email: 'ada@example.com' })
  const preview = (...more: string[]) => starling('preview', 'viewed-items', '--customer', 'ada', ...more)
  expect(await preview()).toEqual({
    code: 65,
    text: expect.stringContaining('missing: items.viewed.0.name, items.viewed'),
  })
  for (const product_id of ['7', '8']) await world.track('ada', 'Product Viewed', { product_id })
  const english = await preview('--offer', 'back-to-it')
  expect(english).toMatchObject({ code: 0 })
  expect(english.text).toMatch(/locale: {2}en\n\n(Cup|Green tea): €/)
  const swiss = await preview('--offer', 'back-to-it', '--locale', 'de-CH', '--html')
  expect(swiss.text).toContain('wartet noch auf Sie')
  expect(swiss.text).toContain('<div lang="de-CH" dir="ltr"><h1>Zurück zu dem, was Ihnen gefiel</h1>')
  expect((await preview('--locale', 'ar', '--html')).text).toContain('<div lang="ar" dir="rtl">')
  const one = await starling(
    'preview',
    'one-item',
    ...['--customer', 'ada', '--offer', 'wished', '--event', '{"name":"x","properties":{"product_id":7}}'],
  )
  expect(one).toMatchObject({ code: 0, text: expect.stringContaining('subject: Green tea: €4.50') })
  expect((await starling('items', 'delete', '7')).text).toContain('Item 7 is gone.')
})

test('the locale guide’s words are valid, and its table says what Node writes', async () => {
  const guide = readFileSync(new URL('locales.md', guides), 'utf8')
  const yaml = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''
  expect(await world.call('POST', '/workspace-file', { yaml })).toMatchObject({ status: 200 })
  const rows = [...guide.matchAll(/^\| `([a-z]{2}-[A-Z]{2})` \| (.*?) +\| (.*?) +\|$/gm)]
  expect(rows.length).toBe(4)
  for (const [, locale, money, date] of rows) {
    const number = new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }).format(1234.5)
    const day = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(
      Date.UTC(2026, 2, 11),
    )
    expect([number.replaceAll('\u00a0', ' '), day]).toEqual([money, date])
  }
})

test('feeds are made, listed and dropped', async () => {
  expect((await starling('items', 'feeds')).text).toContain('No feeds.')
  const made = await starling('items', 'feed', 'shop', 'https://shop.example/items.csv', '--every', '30')
  expect(made.text).toMatch(/Its secret, shown this once: whsec_/)
  expect(
    (await starling('items', 'feed', 'shop', 'https://shop.example/i.csv', '--pause')).text,
  ).not.toContain('secret')
  expect((await starling('items', 'feeds')).text).toMatch(/shop +0 +never/)
  expect((await starling('items', 'fetch', 'shop')).code).toBe(0)
  expect((await starling('items', 'drop', 'shop')).text).toContain('Feed shop is gone')
  expect((await starling('items', 'drop', 'shop')).code).not.toBe(0)
})
