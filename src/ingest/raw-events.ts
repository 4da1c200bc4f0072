/**
 * The texts of a batch's events as they stand in the body, in order. For events that are refused: what
 * they say must be kept as sent, and may be too deep to be written again. `json` must have been parsed.
 */
export function rawBatchEvents(json: string): string[] {
  let batchAt = -1
  let at = afterSpace(json, json.indexOf('{') + 1)
  while (json[at] === '"') {
    const keyEnd = afterString(json, at)
    const valueAt = afterSpace(json, afterSpace(json, keyEnd) + 1)
    // A key that stands twice counts once, with its last value, as JSON.parse has it.
    if (JSON.parse(json.slice(at, keyEnd)) === 'batch') batchAt = valueAt
    at = afterSpace(json, afterValue(json, valueAt))
    if (json[at] === ',') at = afterSpace(json, at + 1)
  }
  return batchAt === -1 ? [] : elements(json, batchAt)
}

/** The same for a body that is an array of events. */
export function rawArrayEvents(json: string): string[] {
  return elements(json, json.indexOf('['))
}

/** True when objects and arrays stand inside each other more than `depthMax` times. */
export function isNestedDeeper(json: string, depthMax: number): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === 0x22) at = afterString(json, at) - 1
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > depthMax) return true
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return false
}

function elements(json: string, arrayAt: number): string[] {
  const texts: string[] = []
  let at = afterSpace(json, arrayAt + 1)
  while (at < json.length && json[at] !== ']') {
    const end = afterValue(json, at)
    texts.push(json.slice(at, end))
    at = afterSpace(json, end)
    if (json[at] === ',') at = afterSpace(json, at + 1)
  }
  return texts
}

function afterValue(json: string, start: number): number {
  const first = json[start]
  if (first === '"') return afterString(json, start)
  if (first !== '{' && first !== '[') {
    let at = start
    while (at < json.length && !',]} \t\r\n'.includes(json[at]!)) at++
    return at
  }
  let depth = 0
  for (let at = start; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === 0x22) at = afterString(json, at) - 1
    else if (code === 0x7b || code === 0x5b) depth++
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1
  }
  return json.length
}

/** `start` is the opening quote. A text that never closes ends at its end. */
function afterString(json: string, start: number): number {
  let at = start + 1
  for (;;) {
    const quote = json.indexOf('"', at)
    if (quote === -1) return json.length
    let backslashes = 0
    while (quote - 1 - backslashes > start && json.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

function afterSpace(json: string, start: number): number {
  let at = start
  while (at < json.length && ' \t\r\n'.includes(json[at]!)) at++
  return at
}
