import { expect, test } from 'vitest'
import { customerIdOf } from '#platform/ids/ids.ts'
import { createReportingCurrency } from '#platform/money/reporting-currency.ts'
import { applyEvent } from '../../../src/profile/apply-event.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import { customer, event, useStores, workspace } from './support.ts'

const open = useStores()
const user = (id: string) => customerIdOf(workspace, 'user', id)
const anonymous = (id: string) => customerIdOf(workspace, 'anonymous', id)
const both = (id: string) => [user(id), anonymous(id)].toSorted()

test('both readings of the id join the user, and repeating it names the same moves', async () => {
  const store = await open()
  for (const identities of [createIdentities(store), createIdentities(store)]) {
    for (let i = 0; i < 2; i++) {
      const linked = await identities.linkEither(workspace, { userId: 'u1', anonymousId: 'd1' }, 5)
      expect([linked.customerId, linked.mergeFrom.toSorted()]).toEqual([user('u1'), both('d1')])
    }
    const ids = [{ userId: 'd1' }, { anonymousId: 'd1' }, { userId: 'u1' }]
    expect(await identities.resolveMany(workspace, ids)).toEqual([user('u1'), user('u1'), user('u1')])
  }
})

test('an id that is somebody’s stays there', async () => {
  const store = await open()
  const identities = createIdentities(store)
  await identities.linkEither(workspace, { userId: 'u1', anonymousId: 'd1' }, 5)
  // Of another user; a user to whom others are joined; an id joined by Segment's identify.
  await identities.link(workspace, { userId: 'u3', anonymousId: 'a3' }, 5)
  for (const anonymousId of ['d1', 'u1', 'a3']) {
    const linked = await identities.linkEither(workspace, { userId: 'u2', anonymousId }, 6)
    expect([anonymousId, linked]).toEqual([anonymousId, { customerId: user('u2'), mergeFrom: [] }])
  }
  const ids = [{ userId: 'd1' }, { userId: 'u1' }, { anonymousId: 'a3' }, { userId: 'u2' }]
  expect(await createIdentities(store).resolveMany(workspace, ids)).toEqual([
    user('u1'),
    user('u1'),
    user('u3'),
    user('u2'),
  ])
})

test('what an alias joined before is joined with its other reading too', async () => {
  const identities = createIdentities(await open())
  await identities.link(workspace, { userId: 'u1', anonymousId: 'd1' }, 5)
  const linked = await identities.linkEither(workspace, { userId: 'u1', anonymousId: 'd1' }, 6)
  expect([linked.customerId, linked.mergeFrom.toSorted()]).toEqual([user('u1'), both('d1')])
  expect(await identities.resolve(workspace, { userId: 'd1' })).toBe(user('u1'))
})

test('an id joins itself to nothing', async () => {
  const identities = createIdentities(await open())
  expect(await identities.linkEither(workspace, { userId: 'u1', anonymousId: 'u1' }, 5)).toEqual({
    customerId: user('u1'),
    mergeFrom: [],
  })
})

test('traits given once fill in what is missing and overwrite nothing, however new the event', () => {
  const ada = customer('2026-01-01')
  const euro = createReportingCurrency('EUR', [])
  applyEvent(ada, event('identify', '2026-01-01', { traits: { plan: 'pro' } }), euro)
  applyEvent(
    ada,
    event('track', '2026-01-03', { name: 'A', context: { traitsOnce: { plan: 'free', source: 'ad' } } }),
    euro,
  )
  applyEvent(
    ada,
    event('track', '2026-01-04', { name: 'A', context: { traitsOnce: { source: 'mail' } } }),
    euro,
  )
  expect(ada.profile.traits).toEqual({ plan: 'pro', source: 'ad' })
  // They say nothing of when traits came: an identify between the two is still the newest.
  applyEvent(ada, event('identify', '2026-01-02', { traits: { plan: 'team' } }), euro)
  expect(ada.profile.traits).toEqual({ plan: 'team', source: 'ad' })
})
