import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Takes each guard away, one patch of `test/mutants/` at a time, in a copy of the project, and runs the
 * tests that the patch's first line names (`# test: path …`). A mutant that no test notices survives, and
 * then the tests have no teeth: exit 1. `--services` takes those of `test/mutants/services/` instead, whose
 * tests need what `npm run test:services` needs. As many at once as there are processors; those one by one.
 */
const project = join(import.meta.dirname, '..')
const needServices = process.argv.includes('--services')
const folder = join(project, 'test/mutants', needServices ? 'services' : '.')
const config = needServices ? ['--config', 'test/services/vitest.config.ts'] : []
const patches = readdirSync(folder)
  .filter((name) => name.endsWith('.patch'))
  .sort()
const copied = ['src', 'test', 'migrations', 'bench', 'package.json', 'tsconfig.json', 'vitest.config.ts']
/** The longest of a mutant's tests take half a minute. */
const runMsMax = 300_000
const outcomes: { name: string; caughtBy: string | null; detail: string }[] = []
const waiting = [...patches]
const atOnce = needServices ? 1 : availableParallelism()
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    const copy = await copyProject()
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      outcomes.push({ name, ...(await tryMutant(join(folder, name), copy)) })
    await rm(copy, { recursive: true, force: true })
  }),
)
outcomes.sort((a, b) => (a.name < b.name ? -1 : 1))
const survived = outcomes.filter((outcome) => outcome.caughtBy === null)
for (const { name, caughtBy, detail } of outcomes) {
  console.log(
    `${caughtBy === null ? 'SURVIVED' : 'caught  '}  ${name.replace('.patch', '')}  ${caughtBy ?? detail}`,
  )
}
console.log(JSON.stringify({ mutants: outcomes.length, survived: survived.length }))
process.exit(outcomes.length > 0 && survived.length === 0 ? 0 : 1)

async function copyProject(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'starling-mutant-'))
  for (const part of copied) await cp(join(project, part), join(copy, part), { recursive: true })
  await symlink(join(project, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Leaves the copy as it was: to make one takes as long as many a test. */
async function tryMutant(patch: string, copy: string): Promise<{ caughtBy: string | null; detail: string }> {
  const tests = /^# test: (.+)$/m.exec(readFileSync(patch, 'utf8'))?.[1]?.split(/\s+/)
  if (tests === undefined) return { caughtBy: null, detail: 'names no test in a line "# test: path"' }
  const apply = (...how: string[]) => run('git', ['apply', '-p1', '-C1', ...how, patch], copy)
  const applied = await apply()
  if (applied.code !== 0) return { caughtBy: null, detail: `does not apply: ${applied.printed}` }
  const report = join(copy, 'report.json')
  await rm(report, { force: true })
  const vitest = join(project, 'node_modules/vitest/vitest.mjs')
  // One failure is enough. File after file: a second one that is broken off in the middle may never end.
  const inTurn = ['--maxWorkers=1', '--bail=1']
  const options = ['run', ...config, ...inTurn, '--reporter=json', `--outputFile.json=${report}`]
  const { printed } = await run(process.execPath, [vitest, ...options, ...tests], copy)
  const back = await apply('--reverse')
  if (back.code !== 0) throw new Error(`${patch} cannot be taken back: ${back.printed}`)
  if (!existsSync(report)) return { caughtBy: null, detail: `the tests did not run: ${printed}` }
  return failedTest(JSON.parse(readFileSync(report, 'utf8')) as VitestReport)
}

function run(command: string, args: string[], cwd: string): Promise<{ code: number; printed: string }> {
  return new Promise((resolve) => {
    const options = { cwd, maxBuffer: 64 * 1_048_576, timeout: runMsMax }
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, printed: `${stdout}${stderr}` }),
    )
  })
}

interface VitestReport {
  numTotalTests: number
  testResults: {
    name: string
    status: string
    message?: string
    assertionResults: { status: string; fullName: string }[]
  }[]
}

function failedTest(report: VitestReport): { caughtBy: string | null; detail: string } {
  if (report.numTotalTests === 0) return { caughtBy: null, detail: 'no test ran' }
  const failed = report.testResults
    .flatMap((file) => file.assertionResults)
    .find((test) => test.status === 'failed')
  return failed === undefined
    ? { caughtBy: null, detail: `${report.numTotalTests} tests passed` }
    : { caughtBy: failed.fullName, detail: '' }
}
