import { serveJobs } from '../threads/serve-jobs.ts'
import { playBandit, streamOf } from './play-bandit.ts'
import type { BanditSet } from './to-bandit.ts'

export interface BakeoffJob {
  set: number
  floor: number
  shuffle: number
}

serveJobs<BanditSet[], BakeoffJob>(({ set, floor, shuffle }, sets) =>
  playBandit(sets[set]!, floor, streamOf(shuffle)),
)
