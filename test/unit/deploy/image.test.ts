import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configSchema, environmentName, readConfig } from '../../../src/config.ts'
import { composeText, isPinned, projectFolder, readCompose } from './compose.ts'

const instructions = readInstructions(read('Dockerfile'))
const final = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
const copied = instructions.filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
const sources = [...new Set(copied.flatMap(({ rest }) => rest.split(' ').slice(0, -1)))]

describe('the image', () => {
  it('stands on the Node that the tests run on, pinned, in every stage', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> }
    const images = instructions
      .filter(({ name }) => name === 'FROM')
      .map(({ rest }) => rest.split(' ')[0] ?? '')
    expect(images).toHaveLength(2)
    for (const image of images) {
      expect(image).toSatisfy(isPinned)
      expect(image).toContain(`node:${lock.packages['node_modules/node']?.version}-`)
    }
  })

  it('installs what the lock file says, without what only development needs', () => {
    const runs = instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => rest)
    expect(runs.join('\n')).toContain('npm ci --omit=dev')
    expect(final.some(({ name, rest }) => name === 'RUN' && rest.includes('npm'))).toBe(false)
  })

  it('runs as a user who is not root and needs no shell', () => {
    const user = final.filter(({ name }) => name === 'USER').at(-1)?.rest
    expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(JSON.parse(instruction('CMD'))).toEqual(['node', 'bin/starling.js', 'serve'])
    expect(instruction('STOPSIGNAL')).toBe('SIGTERM')
  })

  it('checks its health as docker-compose.yml does', () => {
    const command = JSON.parse(instruction('HEALTHCHECK').replace(/^.*? CMD /, '')) as string[]
    const secret = 'secret-0123456789'
    const variables = { POSTGRES_PASSWORD: secret, STARLING_WRITE_KEY: secret, STARLING_ADMIN_KEY: secret }
    const { api } = readCompose(composeText(), variables).services
    expect(api?.healthcheck?.test).toEqual(['CMD', ...command])
  })

  it('sets only what the configuration knows, to values that it takes', () => {
    const environment = Object.fromEntries(
      final
        .filter(({ name }) => name === 'ENV')
        .flatMap(({ rest }) => [...rest.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value])),
    ) as Record<string, string>
    const known = ['NODE_ENV', ...Object.keys(configSchema.shape).map(environmentName)]
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)))
    const folder = mkdtempSync(join(tmpdir(), 'starling-image-'))
    expect(readConfig(environment, folder)).toMatchObject({
      kind: 'config',
      config: { host: '0.0.0.0', dataDir: '/var/lib/starling', port: Number(instruction('EXPOSE')) },
    })
    rmSync(folder, { recursive: true })
  })

  it('copies paths that exist and that are sent to the build', () => {
    expect(sources).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'bin', 'src']))
    for (const source of sources) {
      expect(holdsSomething(source), `${source} exists`).toBe(true)
      expect(isSent(source), `${source} is sent`).toBe(true)
    }
  })

  it('holds what the package ships', () => {
    const { files } = JSON.parse(read('package.json')) as { files: string[] }
    // `dist` is what the package has instead of sources.
    const shipped = files.filter((file) => !['dist', 'README.md'].includes(file) && holdsSomething(file))
    expect(sources).toEqual(expect.arrayContaining(shipped))
  })

  it('is sent nothing else: no keys, no data, no history', () => {
    for (const path of ['.env', '.git', '.services', 'node_modules', 'starling-data', 'test', 'docs']) {
      expect(isSent(path), path).toBe(false)
    }
  })
})

function read(path: string): string {
  return readFileSync(new URL(path, projectFolder), 'utf8')
}

/** Instructions with their arguments; lines that end in a backslash are put together. */
function readInstructions(text: string): { name: string; rest: string }[] {
  const lines = text.replace(/^#.*\n/gm, '').replace(/\s*\\\n\s*/g, ' ')
  return [...lines.matchAll(/^([A-Z]+) +(.+)$/gm)].map(([, name, rest]) => ({ name: name!, rest: rest! }))
}

function instruction(name: string): string {
  const found = final.filter((one) => one.name === name)
  expect(found, name).toHaveLength(1)
  return found[0]!.rest
}

/** Git keeps no empty folders: in a fresh clone they would be missing. */
function holdsSomething(path: string): boolean {
  const url = new URL(path, projectFolder)
  return existsSync(url) && (!statSync(url).isDirectory() || readdirSync(url).length > 0)
}

/** `.dockerignore` for names without wildcards: the last line that fits counts. */
function isSent(path: string): boolean {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const last = lines.filter((line) => ['*', path].includes(line.replace(/^!/, ''))).at(-1)
  return last === undefined || last.startsWith('!')
}
