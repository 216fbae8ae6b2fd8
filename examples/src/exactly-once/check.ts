/** Whether bookings are those that payments make, each of them once. */
import { type Booking, paymentAt } from './job.ts';

/** @returns what is wrong, in sentences; empty if nothing is */
export function checkBookings(bookings: readonly Booking[], payments: number): string[] {
  const problems: string[] = [];
  const timesBooked = new Uint32Array(payments);
  const ofAccount = new Map<string, Booking[]>();
  for (const booking of bookings) {
    timesBooked[booking.payment] = (timesBooked[booking.payment] ?? 0) + 1;
    const known = ofAccount.get(booking.account);
    if (known === undefined) ofAccount.set(booking.account, [booking]);
    else known.push(booking);
  }
  for (const [id, times] of timesBooked.entries()) {
    if (times !== 1) problems.push(`Payment ${id} is booked ${times} times.`);
  }
  for (const [account, booked] of ofAccount) {
    booked.sort((a, b) => a.number - b.number);
    let balance = 0;
    for (const [i, booking] of booked.entries()) {
      balance += paymentAt(booking.payment).cents;
      if (booking.number === i + 1 && booking.balance === balance) continue;
      const is = `number ${booking.number} with the balance ${booking.balance}`;
      problems.push(`Payment ${booking.payment} into ${account} is ${is} instead of number ${i + 1} with ${balance}.`);
      break;
    }
  }
  return problems;
}
