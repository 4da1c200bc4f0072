import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '../..')
const support = join(root, 'test/support/test-store.ts')

/**
 * Test files that open their store through `test/support/test-store.ts`, also by way of their own support files:
 * they run on SQLite with `npm test` and on PostgreSQL with `npm run test:services`, the same assertions.
 */
export function storeTests(): string[] {
  return (
    globSync('test/{unit,integration,contract,property}/**/*.test.ts', { cwd: root })
      // Plans are asked of SQLite's file; those of PostgreSQL are in `query-plans-postgres.test.ts`. Commands start
      // servers of their own, on a folder.
      .filter((file) => !file.endsWith('-plans.test.ts') && !file.startsWith('test/integration/cli/'))
      .filter((file) => reaches(join(root, file), new Set()))
      .sort()
  )
}

/** Test files and their support that open a SQLite file by themselves: they run on SQLite alone. */
export function sqliteTests(): string[] {
  return globSync('test/{unit,integration,contract,support}/**/*.ts', { cwd: root })
    .filter((file) => /openStore\(\{ file|new DatabaseSync\(/.test(readFileSync(join(root, file), 'utf8')))
    .map((file) => relative(root, join(root, file)))
    .sort()
}

function reaches(file: string, seen: Set<string>): boolean {
  if (file === support) return true
  if (seen.has(file)) return false
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/from '(\.[^']+\.ts)'/g)].some(([, path]) => {
    const target = join(dirname(file), path!)
    return target.startsWith(join(root, 'test')) && reaches(target, seen)
  })
}
