import type { WorkspaceDb } from '#platform/store/store.ts'

/** The customer at the end of the pointers that begin at `customerId`; itself where it was not merged away. */
export async function canonicalCustomerId(db: WorkspaceDb, customerId: string): Promise<string> {
  const passed = new Set<string>()
  let id = customerId
  for (;;) {
    const row = await db
      .selectFrom('customers')
      .select('customers.merged_into')
      .where('customers.customer_id', '=', id)
      .executeTakeFirst()
    const next = row?.merged_into ?? null
    if (next === null) return id
    passed.add(id)
    if (passed.has(next)) throw new Error(`customer ${customerId}: the pointers run in a circle at ${next}`)
    id = next
  }
}
