/**
 * What a transaction read was changed by another before it could write. The store rolls back and runs the
 * work again, a few times. Only PostgreSQL has several writers at once.
 */
export class ChangedMeanwhileError extends Error {
  constructor(what: string) {
    super(`${what} changed while this transaction was under way`)
    this.name = 'ChangedMeanwhileError'
  }
}
