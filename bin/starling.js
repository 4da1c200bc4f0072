#!/usr/bin/env node
// Plain JavaScript on purpose: it must run under any Node, and starts itself again under the one that
// the project brings along (the `node` package) where the present one is too old for `node:sqlite`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const major = Number(process.versions.node.split('.')[0])
const source = join(here, '../src/cli/main.ts')
const entry = existsSync(source) ? source : join(here, '../dist/src/cli/main.js')

if (major >= 24) {
  // What was compiled stays in the temporary folder: a command starts in half the time.
  nodeModule.enableCompileCache()
  await import(entry)
} else {
  const node = ownNode()
  if (node === null) {
    console.error(
      `starling needs Node 24 or newer; this is ${process.versions.node}. Run npm ci in ${join(here, '..')} first.`,
    )
    process.exit(70)
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  // Whoever stops us means the server that we started.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => process.exit(code ?? 70))
}

function ownNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    const binary = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(binary) ? binary : null
  } catch {
    return null
  }
}
