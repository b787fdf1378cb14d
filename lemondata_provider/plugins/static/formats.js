/** Numbers and times as text: in English like the page, and in the time zone that Airflow's page is set to. */

const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
const CENTS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 4 });
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Return dollars, with up to four decimals below one dollar: "$0.0125", "$3.25". */
export function dollars(amount) {
  const number = Number(amount) || 0;
  return (number < 1 ? CENTS : DOLLARS).format(number);
}

/** Return the two sums of money that must not be mixed, what was charged and what is only estimated, and what is in neither. */
export function spending({ settled, estimated, cost_unknown: unknown }) {
  const sums = `${dollars(settled)} settled, ${dollars(estimated)} estimated`;
  return unknown ? `${sums}, ${count(unknown, "cost")} unknown` : sums;
}

/** Return a time span as a clock shows it: "0:42", "1:07:30". */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const twoDigits = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${twoDigits(minutes)}:${twoDigits(rest)}` : `${minutes}:${twoDigits(rest)}`;
}

/** Return seconds with one decimal at most: "4 s". */
export function seconds(number) {
  return `${NUMBER.format(number)} s`;
}

/** Return a file size in decimal units: "1.2 MB". */
export function bytes(number) {
  let [size, unit] = [number, 0];
  while (size >= 1000 && unit < UNITS.length - 1) [size, unit] = [size / 1000, unit + 1];
  return `${NUMBER.format(size)} ${UNITS[unit]}`;
}

/** Return a count with its noun: "1 video", "5 videos". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return an instant (ISO 8601) like Airflow does: "2026-11-26 12:44:03". */
export function instant(iso) {
  return inZone(Date.parse(iso)).replace("T", " ");
}

/** Return the day of an instant, `days` days later: "2026-11-27". */
export function day(milliseconds, days = 0) {
  const date = new Date(`${inZone(milliseconds).slice(0, 10)}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** Return the instant (ISO 8601, UTC) at which a day begins here, or `days` days later. */
export function startOfDay(date, days = 0) {
  const asUtc = Date.parse(`${date}T00:00:00Z`) + days * 86_400_000;
  const offset = Date.parse(`${inZone(asUtc)}Z`) - asUtc;
  return new Date(asUtc - offset).toISOString();
}

/** Return the time zone that was chosen in Airflow's menu, or else that of the browser. */
export function timeZone() {
  try {
    const chosen = JSON.parse(localStorage.getItem("timezone"));
    if (chosen) return new Intl.DateTimeFormat("en", { timeZone: chosen }).resolvedOptions().timeZone;
  } catch {
    // Nothing was chosen, or nothing that this browser knows.
  }
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function inZone(milliseconds) {
  const style = { dateStyle: "short", timeStyle: "medium", timeZone: timeZone() };
  return new Intl.DateTimeFormat("sv", style).format(milliseconds).replace(" ", "T"); // Swedish dates are ISO 8601
}
