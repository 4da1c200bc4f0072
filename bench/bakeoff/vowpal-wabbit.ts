/**
 * Progressive error of Vowpal Wabbit's SquareCB on the sets of the bake-off, three shuffles: with its defaults,
 * with the one setting that is best over 18 sets, and with the best setting for each set.
 */
export const vowpalWabbit: Record<string, { byDefault: number; bestFixed: number; tuned: number }> = {
  letter: { byDefault: 0.6679, bestFixed: 0.5097, tuned: 0.5038 },
  pendigits: { byDefault: 0.212, bestFixed: 0.1512, tuned: 0.1453 },
  optdigits: { byDefault: 0.1845, bestFixed: 0.1447, tuned: 0.1311 },
  nursery: { byDefault: 0.1134, bestFixed: 0.1234, tuned: 0.0997 },
  mushroom: { byDefault: 0.0086, bestFixed: 0.0057, tuned: 0.0051 },
  spambase: { byDefault: 0.0995, bestFixed: 0.091, tuned: 0.0814 },
  segment: { byDefault: 0.3012, bestFixed: 0.1925, tuned: 0.1893 },
  waveform5000: { byDefault: 0.1944, bestFixed: 0.196, tuned: 0.154 },
  car: { byDefault: 0.2054, bestFixed: 0.2054, tuned: 0.1923 },
  vehicle: { byDefault: 0.4894, bestFixed: 0.437, tuned: 0.4275 },
}
