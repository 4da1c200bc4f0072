import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { touchWorkspace } from '../../src/pipeline/workspace-context.ts'
import { signIn } from '../integration/api/customer-world.ts'
import { type DoorWorld, openDoorWorld } from '../integration/api/door-world.ts'
import { applyLive } from '../integration/api/placement-world.ts'
import { launchChromium } from './chromium.ts'
import { startLine } from './cut-line.ts'
import { startShopSite } from './shop-site.ts'

const yaml = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: in-app, subject: "Tea for {{customer.firstName}}", text: "{{event.properties.what}}", url: "SHOP/tea" }
experiments:
  - { id: same, arms: [{ id: a, share: 0.5, control: true, treatment: tea/in-app }, { id: b, share: 0.5, treatment: tea/in-app }] }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Wanted }
    holdout: 0
    policy: { kind: fixed-split, experiment: same }
    treatments: [{ offer: tea, channel: in-app, variants: [{ id: v, template: hello }] }]
`

let world: DoorWorld
let browser: Browser
let shop: Awaited<ReturnType<typeof startShopSite>>
let page: Page
let line: Awaited<ReturnType<typeof startLine>>
let user = ''
let users = 0
const problems: string[] = []

beforeAll(async () => {
  world = await openDoorWorld()
  line = await startLine(world.url)
  shop = await startShopSite(line.url, async () => (await signIn(world, { userId: user })).token)
  await applyLive(world, yaml.replace('SHOP', shop.url))
  await world.engine.parts.store.transaction(async (tx) => {
    await tx.system
      .updateTable('workspaces')
      .set({ send_mode: 'live' })
      .where('workspace', '=', 'main')
      .execute()
    await touchWorkspace(tx, 'main')
  })
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await shop?.close()
  await line?.close()
  await world?.close()
})

beforeEach(async () => {
  user = `u${++users}`
  await world.identify(user, { firstName: 'Uma' })
  page = await browser.newPage()
  problems.length = 0
  page.on('pageerror', (error) => problems.push(String(error)))
  // A violation of the page's strict policy is said there.
  page.on('console', (line) => {
    if (line.type() === 'error' && !line.text().includes('404')) problems.push(line.text())
  })
  await page.goto(shop.url)
  await page.waitForFunction(() => document.querySelector('#unread')?.textContent !== '…', polling)
  return async () => {
    await page.close()
    expect(problems).toEqual([])
  }
})

/** Through event, decision, claim and channel. */
async function want(what: string): Promise<void> {
  await world.track(user, 'Wanted', { what })
}

function shown(): Promise<{ text: string; isRead: boolean }[]> {
  return page.$$eval('#messages li', (entries) =>
    entries.map((entry) => ({
      text: entry.querySelector('p')?.textContent ?? '',
      isRead: (entry as unknown as { dataset: { read: string } }).dataset.read === 'true',
    })),
  )
}

/** Pages in the background have no frames to wait for. */
const polling = { polling: 20 }

async function until(unread: string, where = page): Promise<void> {
  await where.waitForFunction(
    (count) => document.querySelector('#unread')?.textContent === count,
    polling,
    unread,
  )
}

async function press(label: string): Promise<void> {
  await page.locator(`::-p-text(${label})`).click()
}

async function outcomes(): Promise<string[]> {
  await world.engine.drain()
  const db = world.engine.parts.store.read.workspace('main')
  const rows = await db.selectFrom('outcomes').select(['outcomes.kind', 'outcomes.customer_id']).execute()
  const own = await world.call<{ customerId: string }>('GET', `/customers/${user}`)
  return rows
    .filter((row) => row.customer_id === own.body.customerId)
    .map((row) => row.kind)
    .sort()
}

test('a message is there as it is sent, in every page that is open; read and dismissed too', async () => {
  const other = await browser.newPage()
  await other.goto(shop.url)
  await want('green')
  await until('1')
  expect(await shown()).toEqual([{ text: 'green', isRead: false }])
  expect(await page.$eval('#messages b', (title) => title.textContent)).toBe('Tea for Uma')
  await until('1', other)

  await page.bringToFront()
  await press('Read')
  await until('0')
  expect(await shown()).toEqual([{ text: 'green', isRead: true }])
  await until('0', other)
  expect(await outcomes()).toEqual(['open'])

  await press('Dismiss')
  await other.waitForFunction(() => document.querySelectorAll('#messages li').length === 0, polling)
  expect(await shown()).toEqual([])
  await other.close()
})

test('a click is counted once and leads where the message says', async () => {
  await want('black')
  await until('1')
  await Promise.all([page.waitForNavigation(), press('Open')])
  expect(page.url()).toBe(`${shop.url}/tea`)
  expect(await outcomes()).toEqual(['click', 'open'])
})

test('what comes while the line is cut is there when it is mended, each once', async () => {
  await want('one')
  await until('1')
  line.cut()
  await want('two')
  await want('three')
  line.mend()
  await until('3')
  expect((await shown()).map(({ text }) => text)).toEqual(['three', 'two', 'one'])
  // The browser says of each call that it failed.
  problems.length = 0
})
