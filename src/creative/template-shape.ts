import { type FormatHelperName, formatHelpers, isFormatHelper } from './helpers.ts'

/** How a template names a value: from the block's scope, from the root, or `@index` and the like. */
export interface ValuePath {
  from: 'scope' | 'root' | 'loop'
  parts: string[]
}

export type Argument =
  | { kind: 'path'; path: ValuePath }
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'call'; helper: FormatHelperName; arguments: Argument[]; options: Argument[] }

/** A template without its text: all that decides which values it prints. */
export type ShapeNode =
  | { kind: 'print'; value: Argument }
  | { kind: 'if' | 'unless' | 'each' | 'with'; path: ValuePath; then: ShapeNode[]; otherwise: ShapeNode[] }

export type ShapeResult = { kind: 'shape'; nodes: ShapeNode[] } | { kind: 'faults'; faults: string[] }

const loopNames = new Set(['index', 'key', 'first', 'last'])
const blockHelpers = new Set(['if', 'unless', 'each', 'with'])
const blockDepthMax = 12
/** Names that reach an object's prototype. Nothing inherited is looked up anyway; these get a clear fault. */
const forbiddenParts = new Set(Object.getOwnPropertyNames(Object.prototype).concat('prototype'))

/**
 * Checks a parsed template against the small language we allow and gives its shape. Refused: partials,
 * decorators, unescaped output, dynamic look-ups, block parameters, `../` (write `@root.…`) and every
 * helper that is not ours.
 */
export function templateShape(program: hbs.AST.Program): ShapeResult {
  const faults: string[] = []
  const nodes = shapeOfProgram(program, { faults, depth: 0, inLoop: false })
  return faults.length > 0 ? { kind: 'faults', faults } : { kind: 'shape', nodes }
}

export type HelperName = FormatHelperName | 'if' | 'unless' | 'each' | 'with'

/** Every helper that a template calls, blocks among them. */
export function helpersOf(nodes: readonly ShapeNode[]): Set<HelperName> {
  return new Set(
    nodes.flatMap((node) =>
      node.kind === 'print'
        ? helpersOfArgument(node.value)
        : [node.kind, ...helpersOf(node.then), ...helpersOf(node.otherwise)],
    ),
  )
}

function helpersOfArgument(argument: Argument): HelperName[] {
  if (argument.kind !== 'call') return []
  const inner = [...argument.arguments, ...argument.options].flatMap(helpersOfArgument)
  return [argument.helper, ...inner]
}

/** Nodes that stand twice side by side, or one level down, ask for the same values twice. */
export function withoutRepetitions(nodes: ShapeNode[]): ShapeNode[] {
  const distinct = new Map<string, ShapeNode>()
  for (const node of nodes) {
    const own =
      node.kind === 'print'
        ? node
        : blockOf(node, withoutRepetitions(node.then), withoutRepetitions(node.otherwise))
    const key = JSON.stringify(own)
    if (!distinct.has(key)) distinct.set(key, own)
  }
  return [...distinct.values()]
}

function blockOf(
  block: Exclude<ShapeNode, { kind: 'print' }>,
  taken: ShapeNode[],
  otherwise: ShapeNode[],
): ShapeNode {
  // biome-ignore lint/suspicious/noThenProperty: the word of the templates' language; nobody awaits a node
  return { ...block, then: taken, otherwise }
}

interface Walk {
  faults: string[]
  depth: number
  inLoop: boolean
}

function shapeOfProgram(program: hbs.AST.Program | undefined, walk: Walk): ShapeNode[] {
  if (program === undefined || program === null) return []
  if ((program.blockParams ?? []).length > 0)
    fault(walk, program, 'block parameters (as |…|) are not supported')
  return program.body.flatMap((statement) => shapeOfStatement(statement, walk))
}

function shapeOfStatement(statement: hbs.AST.Statement, walk: Walk): ShapeNode[] {
  switch (statement.type) {
    case 'ContentStatement':
    case 'CommentStatement':
      return []
    case 'MustacheStatement':
      return shapeOfMustache(statement as hbs.AST.MustacheStatement, walk)
    case 'BlockStatement':
      return shapeOfBlock(statement as hbs.AST.BlockStatement, walk)
    case 'PartialStatement':
    case 'PartialBlockStatement':
      return refuse(walk, statement, 'partials are not supported')
    default:
      return refuse(walk, statement, `${statement.type} is not supported`)
  }
}

function shapeOfMustache(statement: hbs.AST.MustacheStatement, walk: Walk): ShapeNode[] {
  if (!statement.escaped)
    return refuse(walk, statement, 'unescaped output ({{{…}}} or {{&…}}) is not supported')
  const isCall = statement.params.length > 0 || statement.hash !== undefined
  const value = isCall ? callOf(statement, walk) : argumentOf(statement.path as hbs.AST.Expression, walk)
  if (value === null) return []
  if (value.kind === 'literal') return refuse(walk, statement, 'write the text itself instead of a literal')
  return [{ kind: 'print', value }]
}

function shapeOfBlock(block: hbs.AST.BlockStatement, walk: Walk): ShapeNode[] {
  const name = block.path.original
  if (!blockHelpers.has(name))
    return refuse(walk, block, `the block {{#${name}}} is not known: if, unless, each, with`)
  const [argument] = block.params
  if (block.params.length !== 1 || block.hash !== undefined || argument?.type !== 'PathExpression') {
    return refuse(walk, block, `{{#${name}}} takes exactly one variable`)
  }
  if (walk.depth >= blockDepthMax)
    return refuse(walk, block, `blocks are nested deeper than ${blockDepthMax}`)
  const path = pathOf(argument as hbs.AST.PathExpression, walk)
  const inner = { ...walk, depth: walk.depth + 1 }
  const then = shapeOfProgram(block.program, name === 'each' ? { ...inner, inLoop: true } : inner)
  const otherwise = shapeOfProgram(block.inverse, inner)
  return path === null ? [] : [{ kind: name as 'if' | 'unless' | 'each' | 'with', path, then, otherwise }]
}

function argumentOf(expression: hbs.AST.Expression, walk: Walk): Argument | null {
  switch (expression.type) {
    case 'PathExpression': {
      const path = pathOf(expression as hbs.AST.PathExpression, walk)
      return path === null ? null : { kind: 'path', path }
    }
    case 'SubExpression':
      return callOf(expression as hbs.AST.SubExpression, walk)
    case 'StringLiteral':
    case 'NumberLiteral':
    case 'BooleanLiteral':
      return { kind: 'literal', value: (expression as hbs.AST.StringLiteral).value }
    case 'NullLiteral':
    case 'UndefinedLiteral':
      return { kind: 'literal', value: null }
    default:
      fault(walk, expression, `${expression.type} is not supported here`)
      return null
  }
}

function callOf(call: hbs.AST.MustacheStatement | hbs.AST.SubExpression, walk: Walk): Argument | null {
  const name = (call.path as hbs.AST.PathExpression).original
  if (typeof name !== 'string' || !isFormatHelper(name)) {
    fault(walk, call, `the helper ${String(name)} is not known: ${Object.keys(formatHelpers).join(', ')}`)
    return null
  }
  const { argumentsMin, argumentsMax } = formatHelpers[name]
  if (call.params.length < argumentsMin || call.params.length > argumentsMax) {
    fault(walk, call, `${name} takes ${argumentsMin} to ${argumentsMax} arguments`)
    return null
  }
  const values = call.params.map((param) => argumentOf(param, walk))
  const options = (call.hash?.pairs ?? []).map((pair) => argumentOf(pair.value, walk))
  if (values.includes(null) || options.includes(null)) return null
  return { kind: 'call', helper: name, arguments: values as Argument[], options: options as Argument[] }
}

function pathOf(path: hbs.AST.PathExpression, walk: Walk): ValuePath | null {
  const parts = path.parts as unknown[]
  if (path.depth > 0) return refusePath(walk, path, '../ is not supported: write @root.…')
  if (!parts.every((part) => typeof part === 'string'))
    return refusePath(walk, path, 'dynamic look-ups are not supported')
  const bad = parts.find((part) => forbiddenParts.has(part))
  if (bad !== undefined) return refusePath(walk, path, `${bad} is not a variable`)
  if (!path.data) {
    if (parts.length === 1 && (isFormatHelper(parts[0]!) || blockHelpers.has(parts[0]!))) {
      return refusePath(walk, path, `${parts[0]} is a helper and needs arguments`)
    }
    return { from: 'scope', parts }
  }
  if (parts[0] === 'root') return { from: 'root', parts: parts.slice(1) }
  if (parts.length === 1 && loopNames.has(parts[0]!) && walk.inLoop) return { from: 'loop', parts }
  return refusePath(walk, path, `@${parts.join('.')} is not known here`)
}

function refusePath(walk: Walk, path: hbs.AST.PathExpression, detail: string): null {
  fault(walk, path, `${path.original}: ${detail}`)
  return null
}

function refuse(walk: Walk, node: hbs.AST.Node, detail: string): ShapeNode[] {
  fault(walk, node, detail)
  return []
}

function fault(walk: Walk, node: hbs.AST.Node, detail: string): void {
  walk.faults.push(node.loc ? `line ${node.loc.start.line}: ${detail}` : detail)
}
