import { hash, randomBytes } from 'node:crypto'
import type { SendMode } from '#contracts/workspace.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { createWorkspace, loadWorkspace } from '../campaign/workspaces.ts'

export interface FirstStartOptions {
  workspace: string
  /** From the settings; without them random ones are made. */
  writeKey?: string | undefined
  adminKey?: string | undefined
  sendMode: SendMode
  zone: string
  reportingCurrency: string
  /** Of phone numbers without a country code. */
  country?: string
  /** Names the key of this machine's commands; left out where the process has no door to use it at. */
  localKeyName?: string
  now: number
}

export interface FirstStart {
  /** Keys that were made now, in clear for the last time: the store keeps their hashes. */
  made: { writeKey?: string; adminKey?: string }
  /** An admin key for the commands of this machine: new at every start, the one before stops working. */
  localKey: string
}

/**
 * Makes the workspace and its keys where they are missing. A key given by the settings is added beside
 * those there are, so that a script's key works on an old folder too.
 */
export async function firstStart(store: Store, options: FirstStartOptions): Promise<FirstStart> {
  return store.transaction(async (tx) => {
    const { workspace, now } = options
    const isNew = (await loadWorkspace(tx, workspace)) === null
    if (isNew) {
      const created = await createWorkspace(tx, {
        workspace,
        name: workspace,
        sendMode: options.sendMode,
        zone: options.zone,
        reportingCurrency: options.reportingCurrency,
        ...(options.country === undefined ? {} : { country: options.country }),
        createdAt: now,
      })
      if (created.kind === 'refused') throw new Error(`the first workspace: ${created.fault.detail}`)
    }
    const made: FirstStart['made'] = {}
    const writeKey = options.writeKey ?? (isNew ? randomKey('w') : undefined)
    const adminKey = options.adminKey ?? (isNew ? randomKey('a') : undefined)
    if (writeKey !== undefined) await addKey(tx, workspace, 'write', writeKey, now)
    if (adminKey !== undefined) await addKey(tx, workspace, 'admin', adminKey, now)
    if (isNew && writeKey !== undefined) made.writeKey = writeKey
    if (isNew && adminKey !== undefined) made.adminKey = adminKey
    const { localKeyName } = options
    const localKey = randomKey('l')
    if (localKeyName !== undefined) {
      await tx.system
        .deleteFrom('api_keys')
        .where('workspace', '=', workspace)
        .where('name', '=', localKeyName)
        .execute()
      await addKey(tx, workspace, 'admin', localKey, now, localKeyName)
    }
    return { made, localKey }
  })
}

/** The secret that signs links: made once, the same for every process on this store. */
export async function linkSecret(store: Store): Promise<string> {
  return store.transaction(async (tx) => {
    const read = () =>
      tx.system
        .selectFrom('system_settings')
        .select('value')
        .where('name', '=', 'link-secret')
        .executeTakeFirst()
    const known = await read()
    if (known !== undefined) return known.value
    await tx.systemBulk(
      'system_settings',
      [{ name: 'link-secret', value: randomBytes(32).toString('hex') }],
      'ignore',
    )
    const made = await read()
    if (made === undefined) throw new Error('the link secret was written and cannot be read')
    return made.value
  })
}

async function addKey(
  tx: StoreTransaction,
  workspace: string,
  kind: 'write' | 'admin',
  key: string,
  now: number,
  name: string = kind,
): Promise<void> {
  const key_hash = hash('sha256', key, 'hex')
  await tx.systemBulk('api_keys', [{ key_hash, workspace, kind, name, created_at: now }], 'ignore')
}

/** `id:secret`: the one form that every event client's way of sending a key can carry. */
function randomKey(prefix: string): string {
  return `${prefix}${randomBytes(6).toString('hex')}:${randomBytes(18).toString('base64url')}`
}
