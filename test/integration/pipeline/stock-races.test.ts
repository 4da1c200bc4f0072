import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Store } from '#platform/store/store.ts'
import { saveItemPatches } from '../../../src/pipeline/change-items.ts'
import { watchBlocked } from '../../services/postgres.ts'
import { storeLocation } from '../../support/test-store.ts'
import { identify, openEngineOn, track, welcomeFile, workspace } from './engine-world.ts'

/**
 * A claim has read what is in stock and not committed yet, and somebody says that it is sold out: either the claim
 * was first, and its send has begun when that is acknowledged, or it sees it.
 */
test('no send begins after “sold out” was acknowledged', async () => {
  let plain: Store | undefined
  let hold: Promise<void> = Promise.resolve()
  const order: string[] = []
  let claimHasRead = (): void => {}
  const folder = mkdtempSync(join(tmpdir(), 'starling-stock-'))
  const world = await openEngineOn(folder, {
    yaml: welcomeFile().replace('value: 10 }', 'value: 10, item: { id: tea-1 } }'),
    wrapStore: (store) => {
      plain = store
      return {
        ...store,
        transaction: async (work, options) => {
          let isClaim = false
          const result = await store.transaction(async (tx) => {
            const own = await work(tx)
            isClaim = ((own as { claimed?: unknown[] } | undefined)?.claimed?.length ?? 0) > 0
            if (isClaim) {
              claimHasRead()
              await hold
            }
            return own
          }, options)
          if (isClaim) order.push('claim committed')
          return result
        },
      }
    },
  })
  const { clock } = world.engine.parts
  const sellOut = async (stock: number): Promise<void> => {
    const patches = [{ id: 'tea-1', patch: { name: 'Tea', stock } }]
    await saveItemPatches({ store: plain!, clock, wallClock: clock }, { workspace, actor: 'ann', patches })
  }
  await sellOut(3)
  await world.take(identify('ada'))
  await world.decide()
  await world.take(track('ada', 'Signed Up', 't1'))
  await world.decide()

  const hasRead = new Promise<void>((resolve) => (claimHasRead = resolve))
  let letGo = (): void => {}
  hold = new Promise<void>((resolve) => (letGo = resolve))
  const claiming = world.engine.roles.sender.step()
  await hasRead
  let isAnswered = false
  const soldOut = sellOut(0).then(() => {
    isAnswered = true
    order.push('sold out acknowledged')
  })
  const { url } = await storeLocation(folder)
  // Until it waits for the claim, or has not waited. SQLite has one writer: it cannot but wait.
  if (url !== undefined) {
    const blocked = await watchBlocked(url)
    while (!isAnswered && (await blocked.count()) === 0);
    await blocked.end()
  }
  letGo()
  await Promise.all([claiming, soldOut])
  await world.engine.roles.sender.drain()
  expect(order).toEqual(['claim committed', 'sold out acknowledged'])
  expect(await world.messagesOf('ada')).toMatchObject([{ state: 'sent' }])

  await world.take(track('ada', 'Signed Up', 't2'))
  await world.decide()
  expect((await world.messagesOf('ada')).length).toBe(1)
  await world.close()
})
