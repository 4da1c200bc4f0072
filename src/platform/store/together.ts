/**
 * Statements of one transaction that do not need each other's answers, given at once: PostgreSQL gets them in
 * this order and answers them all in one round trip. When one fails, its error goes up after all have ended, so
 * that none comes behind the transaction's end.
 */
export async function together<T extends unknown[]>(...work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  try {
    return await Promise.all(work)
  } catch (error) {
    await Promise.allSettled(work)
    throw error
  }
}
