"""What waiting for many videos costs, and how late their ends are noticed: ours against what other providers do."""

from rich.console import Console
from rich.table import Table

from benchmarks.polling_parts.cases import (
    CASES,
    FALSE_CASES,
    FALSE_GOAL,
    SCENARIOS,
    SEEDS,
    Case,
    Figures,
    Simulations,
    bounds_of,
    verdict,
)
from benchmarks.polling_parts.live import Run, cost, run_all, serving
from benchmarks.polling_parts.scenarios import WARM_UP, Scenario
from benchmarks.polling_parts.service import FALSE_PROGRESS, NONE
from benchmarks.polling_parts.simulation import Outcome

CPU_GOAL = 1.15  # times a bare request
LOOP_GOAL_MS = 10
MEMORY_GOAL_KB = 3
CLOSE = 0.1  # how far simulated time may be from real time

LEGEND = (
    "Generations: log-normal, median 90 s, sigma 0.5. Requests: polls, without creates. "
    "Late: seconds that creates are, mean. "
    f"Steady: creates at random; the first {WARM_UP:g} s do not count. "
    f"Simulated: means of {len(SEEDS)} runs; "
    f"sim/real: means of the same seeds, to be within {CLOSE:.0%}. "
    "After a 429 HttpSensorTrigger asks again at once, by the thousand; here it waits 5 s. "
    "Alone: creates are not counted, since they are a minute old, as after a restart of the triggerer. "
    'That and the rows on "created" are for information. '
    "Bounds: an oracle that polls once at each end; whoever has to poll a task once before its end is known; "
    "whoever knows how long tasks take, and of each nothing more."
)

Live = dict[Run, Outcome]


def main() -> None:
    console = Console(width=138)
    with serving() as url:
        console.print(cost_table(url))
        simulations = Simulations()
        live = run_all([run for case in CASES for run in case.runs], url)
    console.print(lag_table(live, simulations), zeros(live, simulations), false_progress_table(simulations))


def cost_table(url: str) -> Table:
    table = table_of("What waiting costs the triggerer", "", "ours", "bare", "goal")
    cpu = cost("cpu", url)
    table.add_row(
        f"CPU per poll at {cpu['pace']:.0f} polls a second, ms",
        f"{cpu['ours']:.2f}",
        f"{cpu['bare']:.2f}",
        f"{cpu['ratio']:.2f} times, {verdict(cpu['ratio'], CPU_GOAL)}",
    )
    late = cost("loop_lag", url)
    caused = late["p99 with"] - late["p99 without"]
    table.add_row(
        "event loop late at 1,000 polls a minute, p99, ms",
        f"{late['p99 with']:.1f}",
        f"{late['p99 without']:.1f}",
        f"{caused:.1f} caused, {verdict(caused, LOOP_GOAL_MS)}",
    )
    table.add_row("  the same, max", f"{late['max with']:.1f}", f"{late['max without']:.1f}", "")
    ours, bare = (cost(f"memory_of_{whose}", url)["bytes"] / 1024 for whose in ("ours", "bare"))
    table.add_row(
        "memory per parked trigger, of 10,000, kB",
        f"{ours:.2f}",
        f"{bare:.2f}",
        f"{ours - bare:.2f} more, {verdict(ours - bare, MEMORY_GOAL_KB)}",
    )
    table.caption = (
        "Bare: a GET with a shared httpx client and its json(), at the same pace; the loop without triggers; a trigger "
        "that awaits a future.\nEach of ours was polled before it was measured. In turns, medians; of memory, "
        "processes of their own."
    )
    return table


def lag_table(live: Live, simulations: Simulations) -> Table:
    table = table_of(
        "Seconds from the end of a generation to its detection, 1,000 requests in 60 s",
        *(
            "",
            "time",
            "requests",
            "429",
            "creates\n429",
            "late",
            "mean",
            "p95",
            "p99",
            "sim/\nreal",
            "goal for\nthe mean",
        ),
    )
    for scenario in SCENARIOS:
        table.add_section()
        table.add_row(f"[bold]{scenario.name}")
        for case in CASES:
            if case.scenario is scenario:
                add_case(table, case, live, simulations.outcomes(case))
        for what, mean in bounds_of(scenario).items():
            table.add_row(f"[dim]bound: {what}", "", "", "", "", "", f"[dim]{mean:.2f}")
    table.caption = LEGEND
    return table


def add_case(table: Table, case: Case, live: Live, simulated: list[Outcome]) -> None:
    real = [live[run] for run in case.runs]
    label = case.label
    for time, outcomes in (("real", real), ("simulated", simulated)):
        if not outcomes:
            continue
        figures, ratio = Figures.of(outcomes), ""
        if real and time == "simulated":
            close = Figures.of(simulated[: len(real)]).mean / Figures.of(real).mean
            ratio = f"{close:.2f} {'ok' if abs(close - 1) <= CLOSE else 'off'}"
        table.add_row(
            label,
            time,
            *(f"{count:,.0f}" for count in (figures.polls, figures.refused, figures.creates_refused)),
            f"{figures.create_delay:.0f}" if figures.create_delay >= 1 else "",
            f"{figures.mean:.2f}",
            *(f"{seconds:.1f}" for seconds in (figures.p95, figures.p99)),
            ratio,
            "" if case.goal is None else verdict(figures.mean, case.goal),
        )
        label = ""


def zeros(live: Live, simulations: Simulations) -> str:
    """Say how many 429s ours got, in all runs."""
    ours = [case for case in CASES if case.is_ours]
    outcomes = [live[run] for case in ours for run in case.runs]
    outcomes += [outcome for case in ours for outcome in simulations.outcomes(case)]
    polls = sum(outcome.refused for outcome in outcomes)
    creates = sum(outcome.creates_refused for outcome in outcomes)
    goal = verdict(polls + creates, 0)
    return f"429s of ours in all {len(outcomes)} runs: {polls} polls, {creates} creates (goal: {goal})\n"


def false_progress_table(simulations: Simulations) -> Table:
    scenarios = list({case.scenario.name: case.scenario for case in FALSE_CASES}.values())
    table = table_of(
        "Ours where progress is false: mean lag, simulated", "", *(scenario.name for scenario in scenarios)
    )
    without = {
        case.scenario.name: Figures.of(simulations.outcomes(case)).mean
        for case in CASES
        if case.is_ours and case.progress == NONE
    }
    table.add_row("no progress", *(f"{without[scenario.name]:.2f}" for scenario in scenarios), end_section=True)
    for progress in FALSE_PROGRESS:
        table.add_row(progress, *(false_mean(simulations, scenario, progress, without) for scenario in scenarios))
    table.caption = f"In brackets: times the mean without progress, to be at most {FALSE_GOAL}."
    return table


def false_mean(simulations: Simulations, scenario: Scenario, progress: str, without: dict[str, float]) -> str:
    (case,) = (case for case in FALSE_CASES if case.scenario is scenario and case.progress == progress)
    mean = Figures.of(simulations.outcomes(case)).mean
    ratio = mean / without[scenario.name]
    return f"{mean:.2f} ({ratio:.2f} {'ok' if ratio <= FALSE_GOAL else 'missed'})"


def table_of(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


if __name__ == "__main__":
    main()
