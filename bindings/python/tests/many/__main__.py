"""``python -m many FOLDER SECONDS THREADS PROCESSES``: forks the processes, works in this one too, and judges."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

from many.judge import judge, lines
from many.worker import NAMES, PASSWORD, opened, work


def main(folder: Path, seconds: float, threads: int, processes: int) -> int:
    with opened(folder) as engine:
        for name in NAMES:
            engine.register(name, PASSWORD)
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=work, args=(folder, number, seconds, 1)) for number in range(1, processes + 1)]
    for child in children:
        child.start()
    work(folder, 0, seconds, threads)
    for child in children:
        child.join()
    said = lines(folder)
    wrong, counts = judge(said)
    for outcome, count in sorted(counts.items()):
        print(f"{count:8} {outcome}")
    print(*wrong[:20], sep="\n")
    print(f"{len(said)} calls of {threads} threads and {processes} forked processes in {seconds:g} s, {len(wrong)} wrong")
    failed = [child.exitcode for child in children if child.exitcode]
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    _, folder, seconds, threads, processes = sys.argv
    sys.exit(main(Path(folder), float(seconds), int(threads), int(processes)))
