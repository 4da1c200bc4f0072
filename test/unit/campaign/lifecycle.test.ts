import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CampaignState } from '#contracts/campaign.ts'
import {
  listCampaigns,
  loadCampaign,
  loadCampaignHistory,
  loadCampaignVersion,
  loadRunningCampaigns,
} from '../../../src/campaign/campaign-rows.ts'
import { type CampaignAction, transition } from '../../../src/campaign/lifecycle.ts'
import { apply, emptyStore, inShop, shopFile, spring, step } from './support.ts'

const changed = shopFile({ campaigns: [spring({ holdout: 0.3 })] })

test('every step appends a row that keeps what it was made from', async () => {
  const store = await emptyStore()
  await apply(store, shopFile())
  await step(store, 'submit', 'approve', 'launch', 'pause', 'launch', 'end')
  const db = store.read.workspace('shop')
  const history = await loadCampaignHistory(db, 'spring')
  expect(history.map(({ version, state }) => `${version} ${state}`)).toEqual([
    '1 draft',
    '2 in-review',
    '3 approved',
    '4 live',
    '5 paused',
    '6 live',
    '7 ended',
  ])
  for (const version of history) expect(version.spec).toEqual(history[0]?.spec)
  expect(await loadCampaignVersion(db, 'spring', 4)).toEqual(history[3])
  expect(await loadCampaignVersion(db, 'spring', 8)).toBeNull()
  expect(await loadRunningCampaigns(db)).toEqual([])
})

describe('what is out of turn is refused and says what to do', () => {
  test.each<[CampaignAction[], CampaignAction, string, RegExp]>([
    [[], 'launch', 'campaign_not_approved', /version 1 of spring is draft: approve it/],
    [['submit'], 'launch', 'campaign_not_approved', /is in-review: approve it/],
    [['submit'], 'submit', 'conflict', /in-review already/],
    [['approve'], 'submit', 'conflict', /approved already/],
    [['approve'], 'approve', 'conflict', /launch it/],
    [['approve'], 'pause', 'conflict', /never launched/],
    [['approve'], 'end', 'conflict', /never launched/],
    [['approve', 'launch'], 'launch', 'conflict', /live already/],
    [['approve', 'launch'], 'submit', 'conflict', /no draft/],
    [['approve', 'launch'], 'approve', 'conflict', /nothing to approve/],
    [['approve', 'launch', 'pause'], 'pause', 'conflict', /is paused/],
    [['approve', 'launch', 'end'], 'end', 'conflict', /has ended/],
    [['approve', 'launch', 'end'], 'pause', 'conflict', /has ended/],
    [['approve', 'launch', 'end'], 'launch', 'conflict', /has ended: apply/],
  ])('after %j: %s', async (before, action, code, detail) => {
    const store = await emptyStore()
    await apply(store, shopFile())
    if (before.length > 0) await step(store, ...before)
    const count = (await loadCampaignHistory(store.read.workspace('shop'), 'spring')).length
    const result = await step(store, action)
    expect(result).toMatchObject({ kind: 'refused', fault: { code, detail: expect.stringMatching(detail) } })
    expect(await loadCampaignHistory(store.read.workspace('shop'), 'spring')).toHaveLength(count)
  })

  test('an unknown campaign, also one of another workspace', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    const request = { campaignId: 'spring', action: 'approve', actor: 'ada', note: '', now: 1 } as const
    const elsewhere = await store.transaction((tx) => transition(tx.workspace('other'), request))
    expect(elsewhere).toMatchObject({ kind: 'refused', fault: { code: 'not_found' } })
  })

  test.each(['', '  ', 'agent:copywriter', 'system'])('an approval by %j', async (actor) => {
    const store = await emptyStore()
    await apply(store, shopFile())
    const result = await inShop(store, (db) =>
      transition(db, { campaignId: 'spring', action: 'approve', actor, note: '', now: 1 }),
    )
    expect(result).toMatchObject({ kind: 'refused', fault: { code: 'invalid_request', field: 'actor' } })
  })
})

describe('a draft waits while another version runs', () => {
  test('a change after the approval must be approved itself', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve')
    await apply(store, changed)
    expect(await step(store, 'launch')).toMatchObject({ fault: { code: 'campaign_not_approved' } })
  })

  test('pause and relaunch act on the version that runs, and the draft is not lost', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve', 'launch')
    await apply(store, changed)
    expect(await step(store, 'pause')).toMatchObject({
      version: { version: 5, state: 'paused', spec: { holdout: 0.1 } },
    })
    expect(await step(store, 'launch')).toMatchObject({
      version: { version: 6, state: 'live', spec: { holdout: 0.1 } },
    })
    expect(await step(store, 'approve')).toMatchObject({
      version: { version: 7, state: 'approved', spec: { holdout: 0.3 } },
    })
    expect(await listCampaigns(store.read.workspace('shop'))).toMatchObject([
      { version: 6, state: 'live', waiting: { version: 7, state: 'approved' } },
    ])
    expect(await step(store, 'launch')).toMatchObject({
      version: { version: 8, state: 'live', spec: { holdout: 0.3 } },
    })
    expect(await listCampaigns(store.read.workspace('shop'))).toMatchObject([{ version: 8, waiting: null }])
  })

  test('the end ends the draft too', async () => {
    const store = await emptyStore()
    await apply(store, shopFile())
    await step(store, 'approve', 'launch')
    await apply(store, changed)
    await step(store, 'end')
    expect(await step(store, 'approve')).toMatchObject({ fault: { code: 'conflict' } })
    expect(await loadCampaign(store.read.workspace('shop'), 'spring')).toMatchObject({
      state: 'ended',
      spec: { holdout: 0.1 },
    })
  })
})

/** What may follow what, as the issue and the house plan say: by one version's eyes, without a successor. */
const allowed: Record<CampaignState, Partial<Record<CampaignAction, CampaignState>>> = {
  draft: { submit: 'in-review', approve: 'approved' },
  'in-review': { approve: 'approved' },
  approved: { launch: 'live' },
  live: { pause: 'paused', end: 'ended' },
  paused: { launch: 'live', end: 'ended' },
  ended: {},
}

test('any sequence of actions walks the lifecycle and nothing else', async () => {
  const action = fc.constantFrom<CampaignAction>('submit', 'approve', 'launch', 'pause', 'end')
  const store = await emptyStore()
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 8 }),
      fc.uuid(),
      async (actions, workspace) => {
        await store.transaction(async (tx) => {
          const db = tx.workspace(workspace)
          await apply({ ...store, transaction: (work) => work({ ...tx, workspace: () => db }) }, shopFile())
          let state: CampaignState = 'draft'
          for (const each of actions) {
            const result = await transition(db, {
              campaignId: 'spring',
              action: each,
              actor: 'ada',
              note: '',
              now: 1,
            })
            const expected: CampaignState | undefined = allowed[state][each]
            expect(result.kind).toBe(expected === undefined ? 'refused' : 'moved')
            state = expected ?? state
            expect((await loadCampaign(db, 'spring'))?.state).toBe(state)
            expect(await loadRunningCampaigns(db)).toHaveLength(state === 'live' ? 1 : 0)
          }
        })
      },
    ),
    { seed: 1, numRuns: 30 },
  )
})
