/** When to ask the server again: only while a video is in flight and the page can be seen. */

const PAUSE = 5_000; // milliseconds
const LONGEST_PAUSE = 60_000;

/**
 * Call `refresh` again and again while it returns true, and at once when the page is seen again; it gets true if
 * a person asked for it, or comes back.
 *
 * After an error the pause doubles, up to a minute. Of what is returned, `start(inFlight)` begins to wait, `now()` asks
 * at once, and `stop()` ends all.
 */
export function keepFresh(refresh) {
  let [timer, failures, stopped] = [null, 0, false];
  const wait = () => {
    clearTimeout(timer);
    const pause = Math.min(LONGEST_PAUSE, PAUSE * 2 ** failures);
    if (!stopped && !document.hidden) timer = setTimeout(turn, pause);
  };
  const turn = async (asked = false) => {
    clearTimeout(timer);
    try {
      const inFlight = await refresh(asked);
      failures = 0;
      if (inFlight) wait();
    } catch (error) {
      if (error.name === "AbortError") return;
      failures += 1;
      wait();
    }
  };
  const onVisibility = () => (document.hidden ? clearTimeout(timer) : turn(true));
  document.addEventListener("visibilitychange", onVisibility);
  return {
    start(inFlight) {
      clearTimeout(timer);
      failures = 0;
      if (inFlight) wait();
    },
    now: () => turn(true),
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    },
  };
}
