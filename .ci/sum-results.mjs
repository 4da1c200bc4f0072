// `node sum-results.mjs FOLDER STEPS_FAILED`: sums the files that vitest's JSON reporter wrote. A skipped test
// counts as failed, since nobody would see it; so does a step that failed while all its tests passed.
// Plain JavaScript: it also runs where `npm ci` has failed, under the machine's own Node.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, stepsFailed] = [process.argv[2], Number(process.argv[3])]
const totals = { passed: 0, failed: 0 }
for (const name of readdirSync(folder)) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed') totals.passed += 1
      else {
        totals.failed += 1
        console.log(`${test.status}: ${file.name}: ${test.fullName}`)
      }
    }
    // A file that could not be loaded has no tests to count.
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status === 'passed')) {
      totals.failed += 1
      console.log(`failed: ${file.name}: ${file.message ?? ''}`)
    }
  }
}
totals.failed = Math.max(totals.failed, stepsFailed)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1
