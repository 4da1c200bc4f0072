import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { collectStatements, wideReads } from '../pipeline/query-plans.ts'
import { openPlacementWorld } from './placement-world.ts'

test('nothing that a decision or an outcome asks reads a whole table', async () => {
  const collector = collectStatements()
  const own = await openPlacementWorld()
  try {
    const asked = { userId: 'u1', idempotencyKey: 'k1', count: 2 }
    const { decisionId, customerId } = await own.decide(asked)
    await own.engine.drain()
    await own.tell(decisionId as string, { outcome: 'click', customerId })
    await own.engine.drain()
    const statements = collector
      .stop()
      .filter((text) => /"decision_ranks"|"assignments"|"decisions"/.test(text))
    expect(statements.length).toBeGreaterThan(5)
    const database = new DatabaseSync(join(own.dataDir, 'store.db'), { readOnly: true })
    const looked = statements.filter((text) => /^(select|update)/i.test(text))
    expect(looked.flatMap((text) => wideReads(database, text).map((detail) => [detail, text]))).toEqual([])
    database.close()
  } finally {
    collector.stop()
    await own.close()
  }
})
