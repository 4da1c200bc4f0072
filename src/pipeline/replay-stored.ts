import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { decodeDecision } from '../decision/record.ts'
import { checkReplay } from '../decision/replay.ts'
import { createReplaySourceReader, type ReplaySourceReader } from './replay-sources.ts'
import { eachPage } from './verify/pages.ts'

export interface ReplayedDecisions {
  identical: number
  /** Made by another engine; the choice is the same again. */
  sameChoice: number
  /** Given without a draw, as a placement's default: there is nothing to replay. */
  notDrawn: number
  /** The others, each with what is wrong. */
  faults: { decisionId: string; detail: string }[]
}

/**
 * Decides every stored decision once more from its record and what it names, in pages by id. A snapshot or a
 * campaign version that is gone is a fault that names it.
 */
export async function replayStored(
  store: Store,
  workspace: string,
  onPage: (replayed: number) => void = () => undefined,
): Promise<ReplayedDecisions> {
  const result: ReplayedDecisions = { identical: 0, sameChoice: 0, notDrawn: 0, faults: [] }
  const reader = createReplaySourceReader()
  let replayed = 0
  await eachPage(store, workspace, 'decisions', async (decisions, db) => {
    for (const row of decisions) await replayRow(db, row, reader, result)
    replayed += decisions.length
    onPage(replayed)
  })
  return result
}

async function replayRow(
  db: WorkspaceDb,
  row: RowOf<'decisions'>,
  reader: ReplaySourceReader,
  result: ReplayedDecisions,
): Promise<void> {
  if (row.outcome === 'degraded') {
    result.notDrawn += 1
    return
  }
  const fault = (detail: string) => result.faults.push({ decisionId: row.decision_id, detail })
  const sources = await reader.sources(db, decodeDecision(row.record))
  if (sources.kind === 'gone') {
    fault(sources.detail)
    return
  }
  const replay = checkReplay(row.record, sources)
  if (replay.kind === 'equal') result.identical += 1
  else if (replay.kind === 'other-engine' && replay.choiceEqual) result.sameChoice += 1
  else
    fault(
      replay.kind === 'different' ? 'its bytes differ' : `made by ${replay.engineVersion}: another choice`,
    )
}
