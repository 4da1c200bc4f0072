import type { Browser, CDPSession, Page, WebWorker } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from '../integration/api/door-world.ts'
import { launchChromium } from './chromium.ts'
import { startShopSite } from './shop-site.ts'

let world: DoorWorld
let browser: Browser
let shop: Awaited<ReturnType<typeof startShopSite>>
let page: Page
let session: CDPSession
let registrationId = ''

/** As the push service's content reaches a worker once the browser has decrypted it. */
async function deliver(data: string): Promise<void> {
  await session.send('ServiceWorker.deliverPushMessage', { origin: `${shop.url}/`, registrationId, data })
}

beforeAll(async () => {
  world = await openDoorWorld()
  shop = await startShopSite(world.url, async () => 'none')
  browser = await launchChromium()
  await browser.defaultBrowserContext().overridePermissions(shop.url, ['notifications'])
  page = await browser.newPage()
  session = await page.createCDPSession()
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      const active = versions.find(({ status }) => status === 'activated')
      if (active !== undefined) resolve(active.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  await page.goto(`${shop.url}/tea`)
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/starling-sw.js')
    await navigator.serviceWorker.ready
  })
  registrationId = await registered
})
afterAll(async () => {
  await browser?.close()
  await shop?.close()
  await world?.close()
})

interface Shown {
  title: string
  body: string
  tag: string
}

async function notifications(count: number): Promise<Shown[]> {
  const handle = await page.waitForFunction(
    async (wanted) => {
      const registration = await navigator.serviceWorker.ready
      const all = await registration.getNotifications()
      return all.length === wanted && all.map(({ title, body, tag }) => ({ title, body, tag }))
    },
    { polling: 50 },
    count,
  )
  return (await handle.jsonValue()) as Shown[]
}

async function worker(): Promise<WebWorker> {
  const target = await browser.waitForTarget((own) => own.type() === 'service_worker')
  return (await target.worker())!
}

test('shows a push, the same message once; what is not ours it leaves alone', async () => {
  const content = { messageId: 'm1', title: 'Tea?', body: 'It is hot.', url: `${shop.url}/tea?from=push` }
  await deliver(JSON.stringify(content))
  expect(await notifications(1)).toEqual([{ title: 'Tea?', body: 'It is hot.', tag: 'm1' }])
  await deliver(JSON.stringify({ ...content, body: 'Still hot.' }))
  await deliver('not JSON')
  await deliver('{"somebody":"else"}')
  await deliver(JSON.stringify({ ...content, messageId: 'm2', title: 'More tea?' }))
  expect((await notifications(2)).map(({ title, body }) => `${title} ${body}`).sort()).toEqual([
    'More tea? It is hot.',
    'Tea? Still hot.',
  ])
})

test('a click opens what the push leads to', async () => {
  const own = await worker()
  // A person's click cannot be made from outside; the event that the browser would send can. Opening a window needs
  // that click too: what is asked to be opened is noted instead.
  const opened = await own.evaluate(async () => {
    const scope = self as unknown as {
      registration: { getNotifications(): Promise<{ tag: string }[]> }
      clients: { openWindow(url: string): Promise<null> }
      dispatchEvent(event: unknown): void
      NotificationEvent: new (type: string, init: object) => unknown
    }
    const asked: string[] = []
    scope.clients.openWindow = async (url) => {
      asked.push(url)
      return null
    }
    const all = await scope.registration.getNotifications()
    const notification = all.find(({ tag }) => tag === 'm1')
    scope.dispatchEvent(new scope.NotificationEvent('notificationclick', { notification }))
    return asked
  })
  expect(opened).toEqual([`${shop.url}/tea?from=push`])
  expect((await notifications(1)).map(({ tag }) => tag)).toEqual(['m2'])
})
