import { type Document, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type WorkspaceFile, workspaceFileSchema } from '#contracts/campaign.ts'
import type { DefinitionFault } from './definition-fault.ts'

/** Reads the YAML that people write. Each fault names its field and the line it stands on. */
export function parseWorkspaceFile(
  yamlText: string,
): { file: WorkspaceFile } | { faults: DefinitionFault[] } {
  const lines = new LineCounter()
  const document = parseDocument(yamlText, { lineCounter: lines })
  if (document.errors.length > 0) {
    return {
      faults: document.errors.map(({ message, pos }) => ({
        field: '',
        detail: atLine(lines, pos[0], message.split('\n')[0] ?? ''),
      })),
    }
  }
  const value = toPlain(document)
  if (value instanceof Error) return { faults: [{ field: '', detail: value.message }] }
  const parsed = workspaceFileSchema.safeParse(value ?? {})
  if (parsed.success) return { file: parsed.data }
  const faults = parsed.error.issues
    .flatMap((issue) => plainIssues(issue))
    .map(({ path, message }) => ({
      field: fieldOf(path),
      detail: atLine(lines, offsetOf(document, path), message),
    }))
  return { faults }
}

type Path = readonly PropertyKey[]
type Issue = z.core.$ZodIssue

/** Aliases that multiply (a "billion laughs") end here: the library counts them. */
function toPlain(document: Document): unknown {
  try {
    return document.toJS()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Of a union the branch that was meant: the one with the fewest faults. */
function plainIssues(issue: Issue, above: Path = []): { path: Path; message: string }[] {
  const path = [...above, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ path, message: issue.message }]
  const branches = issue.errors.map((branch) => branch.flatMap((inner) => plainIssues(inner, path)))
  const meant = branches.reduce<(typeof branches)[number] | null>(
    (best, branch) => (branch.length > 0 && (best === null || branch.length < best.length) ? branch : best),
    null,
  )
  return meant ?? [{ path, message: issue.message }]
}

/** `campaigns[0].treatments[1].offer` */
function fieldOf(path: Path): string {
  return path.reduce<string>((field, part) => {
    if (typeof part === 'number') return `${field}[${part}]`
    return field === '' ? String(part) : `${field}.${String(part)}`
  }, '')
}

/** Where the value stands, or what it is missing from. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: [number, number, number] }
      | undefined
    if (node?.range) return node.range[0]
  }
  return 0
}

function atLine(lines: LineCounter, offset: number, message: string): string {
  const { line, col } = lines.linePos(offset)
  return line === 0
    ? message
    : `line ${line}, column ${col}: ${message.replace(/ at line \d+, column \d+:?$/, '')}`
}
