import type { LogAppend } from '#contracts/event-log.ts'
import type { WorkspaceContext } from '../workspace-context.ts'
import { askedOf, unlinkedId } from './asked.ts'
import type { PlacementResult } from './decide-for-placement.ts'
import { degrade } from './degrade.ts'
import type { Own, Run } from './run.ts'

/** What the guardrails know of somebody who has not been looked up. */
const nothingKnown = {
  customers: new Map(),
  assignments: new Map(),
  consents: new Map(),
  suppressions: new Map(),
  contacts: new Map(),
  spend: new Map(),
  pushAddresses: new Map(),
  items: null,
}

/** Records are appended without waiting for them: that is what there was no time for. */
export function degradeAll(
  own: Own,
  run: Run,
  context: WorkspaceContext,
  reason: 'timeout' | 'store_unavailable',
): PlacementResult {
  const facts = run.facts ?? { ...nothingKnown, context }
  const records: LogAppend[] = []
  const answers = run.requests.map((request, i) => {
    const id = request.customerId ?? unlinkedId(run.workspace, request, run.keys[i] as string)
    const asked = run.asked?.[i] ?? askedOf(run, context, facts, request, i, id)
    const { answer, record } = degrade(own.parts, facts, asked, { placement: request.placement, reason })
    if (record !== null) records.push(record)
    return answer
  })
  if (records.length > 0) void own.parts.log.append(records)
  return { kind: 'answered', answers }
}
