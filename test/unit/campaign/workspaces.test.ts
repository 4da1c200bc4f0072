import { expect, test } from 'vitest'
import {
  createWorkspace,
  listWorkspaces,
  loadWorkspace,
  updateWorkspace,
} from '../../../src/campaign/workspaces.ts'
import { emptyStore, settings } from './support.ts'

const fresh = {
  workspace: 'shop',
  name: 'Shop',
  reportingCurrency: 'EUR',
  zone: 'Europe/Berlin',
  createdAt: 1,
}

test('a workspace keeps its mail in until it is told otherwise', async () => {
  const store = await emptyStore()
  expect(await store.transaction((tx) => createWorkspace(tx, fresh))).toEqual({ kind: 'saved', settings })
  expect(await loadWorkspace(store.read, 'shop')).toEqual(settings)
  expect(await listWorkspaces(store.read)).toEqual([settings])
  expect(await loadWorkspace(store.read, 'other')).toBeNull()
})

test('settings change one by one', async () => {
  const store = await emptyStore()
  await store.transaction((tx) => createWorkspace(tx, fresh))
  await store.transaction((tx) => updateWorkspace(tx, 'shop', { killSwitch: true }))
  await store.transaction((tx) =>
    updateWorkspace(tx, 'shop', { sendMode: 'allowlist', allowlist: [' Ada@Example.com', '@shop.test'] }),
  )
  expect(await loadWorkspace(store.read, 'shop')).toEqual({
    ...settings,
    killSwitch: true,
    sendMode: 'allowlist',
    allowlist: ['ada@example.com', '@shop.test'],
  })
})

test.each([
  ['workspace', { workspace: 'My Shop' }],
  ['name', { name: ' ' }],
  ['zone', { zone: 'Mars/Olympus' }],
  ['reportingCurrency', { reportingCurrency: 'EURO' }],
  ['allowlist[1]', { allowlist: ['ada@example.com', 'bob bob'] }],
])('a bad %s is refused', async (field, patch) => {
  const store = await emptyStore()
  const result = await store.transaction((tx) => createWorkspace(tx, { ...fresh, ...patch }))
  expect(result).toMatchObject({ kind: 'refused', fault: { code: 'invalid_definition', field } })
  expect(await listWorkspaces(store.read)).toEqual([])
})

test('one name, one workspace; and none changes that is not there', async () => {
  const store = await emptyStore()
  await store.transaction((tx) => createWorkspace(tx, fresh))
  expect(await store.transaction((tx) => createWorkspace(tx, fresh))).toMatchObject({
    fault: { code: 'conflict' },
  })
  expect(await store.transaction((tx) => updateWorkspace(tx, 'other', {}))).toMatchObject({
    fault: { code: 'not_found' },
  })
  expect(await store.transaction((tx) => updateWorkspace(tx, 'shop', { zone: 'Mars' }))).toMatchObject({
    fault: { field: 'zone' },
  })
})
