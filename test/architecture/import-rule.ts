import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'

/**
 * The import rule: rooms import contracts, statistics and platform, never each other; only pipeline and
 * the doors join rooms. `contracts ← statistics, platform ← rooms ← pipeline ← doors`.
 */
const leaves = ['contracts', 'statistics', 'platform']
const rooms = [
  'ingest',
  'profile',
  'campaign',
  'decision',
  'guardrails',
  'items',
  'creative',
  'action',
  'learning',
  'report',
  'simulate',
]
const doors = ['api', 'cli']

function onlyMayImport(name: string, allowed: string[]): IForbiddenRuleType {
  return {
    name: `${name}-imports`,
    severity: 'error',
    from: { path: `^src/${name}/` },
    to: { path: '^src/', pathNot: allowed.map((folder) => `^src/${folder}/`) },
  }
}

const rules: IForbiddenRuleType[] = [
  onlyMayImport('contracts', ['contracts']),
  onlyMayImport('statistics', ['statistics']),
  onlyMayImport('platform', ['contracts', 'statistics', 'platform']),
  ...rooms.map((room) => onlyMayImport(room, [...leaves, room])),
  {
    name: 'pipeline-imports',
    severity: 'error',
    from: { path: '^src/pipeline/' },
    to: { path: doors.map((door) => `^src/${door}/`) },
  },
  {
    name: 'api-imports',
    severity: 'error',
    from: { path: '^src/api/' },
    to: { path: '^src/cli/' },
  },
]

export interface ImportReport {
  modules: number
  violations: string[]
}

/** Looks at every import below `folder` of the project (or of a planted copy of it). */
export async function checkImports(baseDir: string): Promise<ImportReport> {
  const { output } = await cruise(['src'], {
    baseDir,
    parser: 'swc',
    ruleSet: { forbidden: rules },
    validate: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  })
  const { summary, modules } = output as ICruiseResult
  return {
    modules: modules.filter((module) => module.source.startsWith('src/')).length,
    violations: summary.violations.map(
      (violation) => `${violation.rule.name}: ${violation.from} → ${violation.to}`,
    ),
  }
}
