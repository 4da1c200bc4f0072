import { type ClassificationSet, type Column, classColumn, SetFault } from './classification-set.ts'

type AttributeType = { kind: 'number' } | { kind: 'text' } | { kind: 'nominal'; values: Set<string> }
interface Attribute {
  name: string
  type: AttributeType
}
/** Between delimiters; a quoted `?` is a value. */
interface Cell {
  text: string
  quoted: boolean
}

/**
 * Reads Weka's attribute-relation file format: quoted names and values, comments, `?` for missing, attributes
 * that are nominal, numeric, integer, real or string, values between commas or tabs. Strict: an undeclared
 * nominal value, a number that is none or a row of another length is refused with its line. Refused too:
 * sparse rows, dates, relational attributes and weights of rows. Rows without a class are left out.
 */
export function readArff(file: string, name: string, text: string): ClassificationSet {
  const attributes: Attribute[] = []
  const rows: { line: number; cells: Cell[] }[] = []
  let inData = false
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = index + 1
    const content = raw.replace(/^\uFEFF/, '').trim()
    if (content === '' || content.startsWith('%')) continue
    const refuse = (what: string): never => {
      throw new SetFault(file, line, what)
    }
    if (inData) {
      if (content.startsWith('{')) refuse('sparse rows are not read: write the file in the dense form')
      const cells = splitCells(content, refuse)
      if (cells.length !== attributes.length) {
        refuse(`${cells.length} values, and ${attributes.length} attributes are declared`)
      }
      rows.push({ line, cells })
    } else if (/^@data\s*(%.*)?$/i.test(content)) {
      if (attributes.length < 2) refuse('fewer than two attributes are declared before @data')
      inData = true
    } else if (/^@attribute\s/i.test(content)) {
      const attribute = readAttribute(content.slice('@attribute'.length).trim(), refuse)
      if (attributes.some((other) => other.name === attribute.name)) {
        refuse(`attribute ${JSON.stringify(attribute.name)} is declared twice`)
      }
      attributes.push(attribute)
    } else if (!/^@relation(\s|$)/i.test(content)) {
      refuse(`neither @relation, @attribute nor @data: ${content.slice(0, 40)}`)
    }
  }
  if (!inData) throw new SetFault(file, 1, 'there is no @data')
  return assemble(file, name, attributes, rows)
}

function assemble(
  file: string,
  name: string,
  attributes: Attribute[],
  rows: { line: number; cells: Cell[] }[],
): ClassificationSet {
  const at = classColumn(attributes.map((attribute) => attribute.name))
  const withClass = rows.filter(({ cells }) => !isMissing(cells[at]!))
  if (withClass.length === 0) throw new SetFault(file, 1, 'no row has a class')
  const columns = attributes.map(({ name: columnName, type }, column): Column => {
    // Every row is checked, also those without a class.
    const values = rows.map(({ line, cells }) => readValue(file, line, columnName, type, cells[column]!))
    const kept = values.filter((_, row) => !isMissing(rows[row]!.cells[at]!))
    return type.kind === 'number'
      ? { name: columnName, kind: 'number', values: kept.map((value) => (value ?? Number.NaN) as number) }
      : { name: columnName, kind: 'category', values: kept as (string | null)[] }
  })
  const labels = columns[at]!.values.map(String)
  return { name, columns: columns.filter((_, column) => column !== at), labels }
}

function readValue(file: string, line: number, name: string, type: AttributeType, cell: Cell) {
  if (isMissing(cell)) return null
  if (type.kind === 'text') return cell.text
  if (type.kind === 'nominal') {
    if (type.values.has(cell.text)) return cell.text
    throw new SetFault(file, line, `${JSON.stringify(cell.text)} is not among the values of ${name}`)
  }
  const value = cell.text === '' ? Number.NaN : Number(cell.text)
  if (Number.isFinite(value)) return value
  throw new SetFault(file, line, `${JSON.stringify(cell.text)} is not a number (${name})`)
}

function isMissing({ text, quoted }: Cell): boolean {
  return text === '?' && !quoted
}

type Refuse = (what: string) => never

/** `name type`, the name quoted or not. */
function readAttribute(content: string, refuse: Refuse): Attribute {
  const first = content[0]
  const name = first === '"' || first === "'" ? readQuoted(content, 0, refuse) : bareName(content, refuse)
  const rest = content.slice(name.end).trim()
  if (rest.startsWith('{')) {
    const end = closingBrace(rest, refuse)
    if (!/^\s*(%.*)?$/.test(rest.slice(end + 1))) refuse(`text after the values of ${name.text}`)
    const inside = rest.slice(1, end).trim()
    const cells = inside === '' ? [] : splitCells(inside, refuse)
    if (cells.length === 0) refuse(`${name.text} has no values`)
    return { name: name.text, type: { kind: 'nominal', values: new Set(cells.map((cell) => cell.text)) } }
  }
  const word = rest.replace(/\s*%.*$/, '').toLowerCase()
  if (word === 'numeric' || word === 'integer' || word === 'real') {
    return { name: name.text, type: { kind: 'number' } }
  }
  if (word === 'string') return { name: name.text, type: { kind: 'text' } }
  return refuse(`attributes of type ${JSON.stringify(rest)} are not read (${name.text})`)
}

function bareName(content: string, refuse: Refuse): { text: string; end: number } {
  const text = /^[^\s{]+/.exec(content)?.[0] ?? refuse('an attribute without a name')
  return { text, end: text.length }
}

function closingBrace(text: string, refuse: Refuse): number {
  for (let i = 1; i < text.length; i += 1) {
    const char = text[i]!
    if (char === '"' || char === "'") i = readQuoted(text, i, refuse).end - 1
    else if (char === '}') return i
  }
  return refuse('the list of values has no end')
}

/** Values between commas or tabs; an unquoted `%` begins a comment, as in Weka. */
function splitCells(content: string, refuse: Refuse): Cell[] {
  const cells: Cell[] = []
  let at = 0
  for (;;) {
    while (content[at] === ' ') at += 1
    const char = content[at]
    let cell: Cell
    if (char === '"' || char === "'") {
      const { text, end } = readQuoted(content, at, refuse)
      cell = { text, quoted: true }
      at = end
    } else {
      const from = at
      while (at < content.length && !',\t%'.includes(content[at]!)) at += 1
      cell = { text: content.slice(from, at).trimEnd(), quoted: false }
    }
    while (content[at] === ' ') at += 1
    const next = content[at]
    if (next === undefined || next === '%') {
      if (cell.text === '' && !cell.quoted) refuse('an empty value: a missing one is written ?')
      return [...cells, cell]
    }
    if (next !== ',' && next !== '\t') refuse(`text after the quoted value ${JSON.stringify(cell.text)}`)
    if (cell.text === '' && !cell.quoted) refuse('an empty value: a missing one is written ?')
    cells.push(cell)
    at += 1
  }
}

/** The quoted text that begins at `from`, and where what follows it begins; a backslash escapes. */
function readQuoted(content: string, from: number, refuse: Refuse): { text: string; end: number } {
  const quote = content[from]
  let text = ''
  for (let i = from + 1; i < content.length; i += 1) {
    const char = content[i]!
    if (char === quote) return { text, end: i + 1 }
    if (char === '\\' && i + 1 < content.length) {
      i += 1
      text += escaped[content[i]!] ?? content[i]!
    } else text += char
  }
  return refuse('a quoted text has no end')
}

const escaped: Record<string, string> = { n: '\n', t: '\t', r: '\r' }
