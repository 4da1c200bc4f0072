import { setImmediate } from 'node:timers/promises'
import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { type CheckResult, difference } from './difference.ts'

/** What each state of a window means the learner was told: [y = 0, y = 1, corrections]. */
const toldBy: Record<RowOf<'exposures'>['state'], readonly [number, number, number]> = {
  open: [0, 0, 0],
  converted: [0, 0, 0],
  credited: [0, 1, 0],
  closed: [1, 0, 0],
  corrected: [1, 0, 1],
}

const rowsPerPage = 2000
type Told = [number, number, number]

/** Every window against what the learner was told of it: once, and what its state says. */
export async function checkExposures(store: Store, workspace: string): Promise<CheckResult> {
  return store.snapshot(async (scope) => {
    const db = scope.workspace(workspace)
    const told = await loadTold(db)
    const result: CheckResult = { checked: 0, differences: [] }
    for await (const exposures of exposurePages(db)) {
      for (const exposure of exposures) {
        const key = keyOf(exposure)
        const expected = toldBy[exposure.state]
        const actual = told.get(key) ?? [0, 0, 0]
        told.delete(key)
        if (actual.every((count, i) => count === expected[i])) continue
        const detail = `its window is ${exposure.state}, and the learner was told ${wordsOf(actual)}`
        result.differences.push(difference('exposures', exposure.decision_id, detail))
      }
      result.checked += exposures.length
    }
    for (const [key, actual] of told) {
      const [decisionId = ''] = key.split('\u0000')
      const detail = `the learner was told ${wordsOf(actual)} of a window that is not kept`
      result.differences.push(difference('exposures', decisionId, detail))
    }
    return result
  })
}

function wordsOf([none, reward, correction]: Told): string {
  return `"no" ${none} times, "yes" ${reward} times, and corrected ${correction} times`
}

async function* exposurePages(db: WorkspaceDb): AsyncGenerator<RowOf<'exposures'>[]> {
  let after: { decision_id: string; campaign_id: string } | undefined
  for (;;) {
    let query = db.selectFrom('exposures').selectAll('exposures')
    const from = after
    if (from !== undefined) {
      query = query.where((eb) =>
        eb.or([
          eb('exposures.decision_id', '>', from.decision_id),
          eb.and([
            eb('exposures.decision_id', '=', from.decision_id),
            eb('exposures.campaign_id', '>', from.campaign_id),
          ]),
        ]),
      )
    }
    const page = await query
      .orderBy('exposures.decision_id')
      .orderBy('exposures.campaign_id')
      .limit(rowsPerPage)
      .execute()
    yield page
    after = page.at(-1)
    if (page.length < rowsPerPage) return
    await setImmediate()
  }
}

async function loadTold(db: WorkspaceDb): Promise<Map<string, Told>> {
  const told = new Map<string, Told>()
  let after = 0
  for (;;) {
    const rewards = await db
      .selectFrom('rewards')
      .select(['rewards.sequence', 'rewards.decision_id', 'rewards.campaign_id', 'rewards.kind', 'rewards.y'])
      .where('rewards.sequence', '>', after)
      .orderBy('rewards.sequence')
      .limit(rowsPerPage)
      .execute()
    for (const reward of rewards) {
      const key = keyOf(reward)
      const own = told.get(key) ?? [0, 0, 0]
      own[reward.kind === 'correction' ? 2 : reward.y] += 1
      told.set(key, own)
    }
    after = Number(rewards.at(-1)?.sequence ?? after)
    if (rewards.length < rowsPerPage) return told
    await setImmediate()
  }
}

function keyOf(row: { decision_id: string; campaign_id: string }): string {
  return `${row.decision_id}\u0000${row.campaign_id}`
}
