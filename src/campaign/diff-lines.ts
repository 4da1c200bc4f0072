/** Longer values are cut: a diff shows that a template changed, not the template. */
const valueCharsMax = 60

/**
 * What differs between two JSON values, one line each: `+ path: new`, `- path: old`, `~ path: old → new`.
 * `before` undefined: all of it is new.
 */
export function diffLines(before: unknown, after: unknown): string[] {
  const old = new Map(leaves(before))
  const fresh = new Map(leaves(after))
  const lines: string[] = []
  for (const [path, value] of fresh) {
    const was = old.get(path)
    if (was === undefined) lines.push(`+ ${path}: ${cut(value)}`)
    else if (was !== value) lines.push(`~ ${path}: ${cut(was)} → ${cut(value)}`)
  }
  for (const [path, value] of old) if (!fresh.has(path)) lines.push(`- ${path}: ${cut(value)}`)
  return lines
}

/** Path and JSON text of everything that holds no more inside; an empty list or object is a leaf. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]]
  const entries = Object.entries(value)
  if (entries.length === 0) return [[path, JSON.stringify(value)]]
  return entries.flatMap(([key, inner]) => leaves(inner, join(path, key, Array.isArray(value))))
}

function join(path: string, key: string, isIndex: boolean): string {
  if (isIndex) return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}

function cut(text: string): string {
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text
}
