/** Escapes that may stand for what no store can keep: NUL, and halves of a surrogate pair. */
const suspicious = /\\u(?:0000|[dD][89a-fA-F])/

/** Every escape of a JSON text in turn, a pair of code units together. */
const escapes = /\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)/g

/**
 * A JSON text in which escaped NULs and lone surrogates have become U+FFFD: PostgreSQL's text and jsonb
 * take neither, and browsers make the latter by cutting a string in the middle of an emoji.
 */
export function repairEscapes(json: string): string {
  if (!suspicious.test(json)) return json
  return json.replace(escapes, (all: string, first: string | undefined, low: string | undefined) => {
    if (first === undefined) return all
    if (low === undefined) return repaired(first)
    return isHigh(first) ? all : repaired(first) + repaired(low)
  })
}

function repaired(unit: string): string {
  const lost = unit === '0000' || /^[dD][89a-fA-F]/.test(unit)
  return lost ? '\\ufffd' : `\\u${unit}`
}

function isHigh(unit: string): boolean {
  return /^[dD][89abAB]/.test(unit)
}
