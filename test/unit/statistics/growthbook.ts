/**
 * Sums of GrowthBook's frequentist tests (MIT, packages/stats/tests/frequentist/test_tests.py @8f1db445).
 * A is the control.
 */
export const GROWTHBOOK = {
  control: { n: 3407, sum: 1396.87, sumOfSquares: 52377.9767 },
  treated: { n: 3461, sum: 2422.7, sumOfSquares: 134698.29 },
}
