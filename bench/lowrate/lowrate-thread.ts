import { serveJobs } from '../threads/serve-jobs.ts'
import { playLowrate } from './play-lowrate.ts'

export interface LowrateJob {
  seed: number
  withJoiner: boolean
}

serveJobs<null, LowrateJob>(({ seed, withJoiner }) => playLowrate(seed, withJoiner))
