/** Names for statements that come again and again: the server plans a named one once per connection. */
export interface StatementNames {
  /** Undefined: send it without a name. */
  nameOf(text: string): string | undefined
  /** This text gets no name any more. */
  forget(text: string): void
}

/** The store's own queries are some hundreds of texts; a list of values (`in ($1, $2, …)`) makes ones without end. */
const namesMax = 500
const countedMax = 5000
/** A text that came that often will come again. */
const usesLeast = 3

export function createStatementNames(): StatementNames {
  const names = new Map<string, string | undefined>()
  const uses = new Map<string, number>()
  let named = 0
  return {
    nameOf(text) {
      if (names.has(text)) return names.get(text)
      if (named >= namesMax) return undefined
      const count = (uses.get(text) ?? 0) + 1
      if (count < usesLeast) {
        if (uses.size >= countedMax) uses.clear()
        uses.set(text, count)
        return undefined
      }
      uses.delete(text)
      named += 1
      const name = `s${named}`
      names.set(text, name)
      return name
    },
    forget: (text) => names.set(text, undefined),
  }
}
