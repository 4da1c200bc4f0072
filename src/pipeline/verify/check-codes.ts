import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { freeCode } from '../../action/coupons/coupon-rows.ts'
import { type CheckResult, type Difference, difference } from './difference.ts'
import { eachPage } from './pages.ts'

type CodeRow = RowOf<'coupon_codes'>
type HolderRow = Pick<RowOf<'messages'>, 'message_id' | 'customer_id' | 'state' | 'state_at'>

/** What is wrong with a code, and what a repair writes of it; null: a person must judge. */
interface WrongCode {
  code: string
  detail: string
  ought: Partial<CodeRow> | null
}

/**
 * A code that was sent, or may have been, is given to that message and to no other; one whose message was not
 * sent is free again. A repair gives and frees codes so; one that two messages say stays, for a person to judge.
 */
export async function checkCodes(
  store: Store,
  workspace: string,
  { repair }: { repair: boolean },
): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const wrong: { own: Difference; fault: WrongCode }[] = []
  const note = (faults: WrongCode[]): void => {
    for (const fault of faults) {
      const own = difference('codes', fault.code, fault.detail)
      result.differences.push(own)
      wrong.push({ own, fault })
    }
  }
  await eachPage(store, workspace, 'coupon_codes', async (codes, db) => {
    result.checked += codes.length
    note(await faultsOfCodes(db, codes))
  })
  // A workspace without codes has no message that says one.
  if (result.checked > 0) {
    await eachPage(store, workspace, 'messages', async (messages, db) =>
      note(await faultsOfMessages(db, messages)),
    )
  }
  if (!repair) return result
  for (const { own, fault } of wrong) own.repaired = await mend(store, workspace, fault)
  return result
}

async function faultsOfCodes(db: WorkspaceDb, codes: CodeRow[]): Promise<WrongCode[]> {
  const ids = codes.map(({ holder }) => holder).filter((holder) => holder !== '' && !isKey(holder))
  const holders = new Map((await loadHolders(db, ids)).map((row) => [row.message_id, row]))
  const over = [...holders.values()].filter(({ state }) => isOver(state)).map((row) => row.message_id)
  const wasOut = await everOut(db, over)
  return codes.flatMap((row) => {
    const message = holders.get(row.holder)
    const isOut = message !== undefined && (hasLeft(message) || wasOut.has(row.holder))
    const fault = faultOf(row, message, isOut)
    return fault === null ? [] : [{ code: row.code, ...fault }]
  })
}

/** `isOut`: its message was sent, or may have been. */
function faultOf(
  { state, holder, customer_id, redeemed_at }: CodeRow,
  message: HolderRow | undefined,
  isOut: boolean,
): Omit<WrongCode, 'code'> | null {
  const ought = isOut ? { state: 'given' as const, given_at: message?.state_at ?? 0 } : { ...freeCode }
  if (state === 'available') {
    if (holder === '' && customer_id === '') return null
    return { detail: `is available, and held by ${holder || customer_id}`, ought }
  }
  if (state === 'redeemed') return redeemed_at > 0 ? null : { detail: 'was redeemed at no time', ought: null }
  if (holder === '') return { detail: `is ${state}, and nobody holds it`, ought: null }
  if (isKey(holder)) return null
  if (message === undefined) return { detail: `is held by ${holder}, which is not kept`, ought: null }
  if (message.customer_id !== customer_id)
    return { detail: `is held by ${holder}, which is not to its customer`, ought: null }
  if (state === 'given' || isOpen(message.state)) return null
  return { detail: `is reserved by ${holder}, which is ${message.state}`, ought }
}

/** What was sent, or may have been, says a code that is its own for good. */
async function faultsOfMessages(db: WorkspaceDb, messages: RowOf<'messages'>[]): Promise<WrongCode[]> {
  const said = messages.filter((row) => row.coupon_code !== '' && hasLeft(row))
  const codes = await db
    .selectByKeys(
      'coupon_codes',
      'code',
      said.map((row) => row.coupon_code),
    )
    .selectAll('coupon_codes')
    .execute()
  const byCode = new Map(codes.map((row) => [row.code, row]))
  return said.flatMap((message): WrongCode[] => {
    const { message_id: id, coupon_code: code } = message
    const row = byCode.get(code)
    if (row?.holder === id) return []
    const isSaid = `was said to ${message.customer_id} by ${id}`
    if (row === undefined) return [{ code, detail: `${isSaid}, and is no code of a pool`, ought: null }]
    // A shop may tell that a code was used which, for all we knew, nobody had.
    if (row.state !== 'available' || row.holder !== '')
      return [
        { code, detail: `${isSaid}, and is ${row.state}, held by ${row.holder || 'nobody'}`, ought: null },
      ]
    const ought = { state: 'given', holder: id, customer_id: message.customer_id } as const
    return [
      {
        code,
        detail: `${isSaid}, and is available`,
        ought: { ...ought, reserved_at: message.state_at, given_at: message.state_at },
      },
    ]
  })
}

function loadHolders(db: WorkspaceDb, messageIds: string[]): Promise<HolderRow[]> {
  return db
    .selectByKeys('messages', 'message_id', messageIds)
    .select(['messages.message_id', 'messages.customer_id', 'messages.state', 'messages.state_at'])
    .execute()
}

/** Those of these messages that were sent at some time, or may have been. */
async function everOut(db: WorkspaceDb, messageIds: string[]): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectByKeys('message_transitions', 'message_id', messageIds)
    .select('message_transitions.message_id')
    .where('message_transitions.state', 'in', ['sent', 'unknown'])
    .execute()
  return new Set(rows.map((row) => row.message_id))
}

/** A reservation over the API. */
function isKey(holder: string): boolean {
  return holder.startsWith('key:')
}

function hasLeft({ state }: Pick<HolderRow, 'state'>): boolean {
  return !isOpen(state) && !isOver(state)
}

function isOpen(state: string): boolean {
  return state === 'queued' || state === 'sending'
}

function isOver(state: string): boolean {
  return state === 'failed' || state === 'lapsed'
}

/** Where the code is as wrong as it was when it was looked at. */
async function mend(store: Store, workspace: string, { code, detail, ought }: WrongCode): Promise<boolean> {
  if (ought === null) return false
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const codes = await db.selectByKeys('coupon_codes', 'code', [code]).selectAll('coupon_codes').execute()
    const messages =
      ought.holder === undefined
        ? []
        : await db.selectByKeys('messages', 'message_id', [ought.holder]).selectAll('messages').execute()
    const again = [...(await faultsOfCodes(db, codes)), ...(await faultsOfMessages(db, messages))]
    if (!again.some((fault) => fault.detail === detail)) return false
    await db.updateTable('coupon_codes').set(ought).where('coupon_codes.code', '=', code).execute()
    return true
  })
}
