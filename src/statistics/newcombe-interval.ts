import { ALPHA_DEFAULT, type Interval } from './difference.ts'
import { type RateCounts, wilsonInterval } from './wilson-interval.ts'

/**
 * Interval of treated rate minus control rate from the two Wilson intervals (Newcombe 1998, method 10):
 * lower d − √((p1−l1)² + (u2−p2)²), upper d + √((u1−p1)² + (p2−l2)²).
 * Null while an arm is empty.
 */
export function newcombeInterval(
  treated: RateCounts,
  control: RateCounts,
  alpha: number = ALPHA_DEFAULT,
): Interval | null {
  const wilsonTreated = wilsonInterval(treated, alpha)
  const wilsonControl = wilsonInterval(control, alpha)
  if (treated.n === 0 || control.n === 0) return null
  const rateTreated = treated.conversions / treated.n
  const rateControl = control.conversions / control.n
  const estimate = rateTreated - rateControl
  return {
    lower: estimate - Math.hypot(rateTreated - wilsonTreated.lower, wilsonControl.upper - rateControl),
    upper: estimate + Math.hypot(wilsonTreated.upper - rateTreated, rateControl - wilsonControl.lower),
  }
}
