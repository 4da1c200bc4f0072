import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { day, hour, openEngineOn, start } from '../integration/pipeline/engine-world.ts'
import { type Input, modelJourneys } from '../support/cadence-model.ts'
import type { KillPoint } from './batch-kill-world.ts'
import {
  fortnightFile,
  happened,
  instantsOf,
  introduce,
  journeysOf,
  type Player,
  playUntil,
} from './cadence-world.ts'

const child = fileURLToPath(new URL('cadence-kill-child.ts', import.meta.url))

/** Every way through the cadence, and a second time round. */
const scripts: [days: number, kind: Input['kind']][][] = [
  [[0, 'signup']],
  [
    [0, 'signup'],
    [1, 'click'],
    [20, 'signup'],
  ],
  [
    [0.5, 'signup'],
    [1, 'visit'],
  ],
  [
    [0, 'signup'],
    [2.5, 'order'],
    [4, 'signup'],
    [6, 'signup'],
  ],
  [
    [1, 'signup'],
    [1.5, 'goodbye'],
    [9, 'signup'],
    [10, 'visit'],
  ],
]
const players: Player[] = scripts.map((inputs, i) => ({
  user: `user-${i}`,
  zone: i % 2 === 0 ? 'America/New_York' : 'Asia/Kathmandu',
  inputs: inputs.map(([days, kind]) => ({ at: start + days * day + (kind === 'click' ? hour : 0), kind })),
}))

/** In the middle of the writes, before and after the commit. */
const kills: [number, KillPoint][] = [
  [4, 'write-3'],
  [6, 'after-commit'],
  [7, 'before-commit'],
]

test('killed again and again, every customer takes the model’s path', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'starling-cadence-kill-'))
  const prepared = await openEngineOn(join(dir, 'data'), { yaml: fortnightFile })
  await introduce(prepared, players)
  await prepared.decide()
  await prepared.leave()
  writeFileSync(join(dir, 'players.json'), JSON.stringify(players))
  const playedFile = join(dir, 'played.json')
  writeFileSync(playedFile, JSON.stringify({ clock: start, until: 0 }))
  for (const [transaction, point] of kills) {
    const options = ['--dir', dir, '--transaction', String(transaction), '--point', point]
    const killed = spawn(process.execPath, [child, ...options], { stdio: 'inherit' })
    expect(await once(killed, 'exit')).toEqual([null, 'SIGKILL'])
  }
  const { clock, until } = JSON.parse(readFileSync(playedFile, 'utf8')) as { clock: number; until: number }
  const world = await openEngineOn(join(dir, 'data'))
  world.clock.stepTo(clock)
  for (const instant of [...instantsOf(players), start + 45 * day]) {
    if (instant > until) await playUntil(world, players, instant)
  }
  for (const player of players) {
    const inputs = await happened(world, player)
    expect([player.user, await journeysOf(world, player.user)]).toEqual([
      player.user,
      modelJourneys(inputs, player.zone, world.clock.now()),
    ])
  }
  expect(world.errors).toEqual([])
  await world.leave()
  rmSync(dir, { recursive: true })
}, 90_000)
