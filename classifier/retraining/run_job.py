"""The child process of a retraining: a job on standard input, JSON lines on standard output.

It runs apart so that it can be killed, gives its memory back, and never slows an answer down for long.
It knows no database: the parent hands it the examples and takes the result.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from classifier.contract import ClassifierError
from classifier.retraining.child_limits import (
    ADVICE,
    EXCEEDED,
    end_with_parent,
    limit_memory,
    says_out_of_memory,
)
from classifier.retraining.job import RetrainJob, RetrainResult
from classifier.retraining.reporter import Reporter

NICENESS = 10
"""The child yields the processor to the process that answers people."""

Work = Callable[[RetrainJob, Reporter], RetrainResult]


def carry_out(job: RetrainJob, reporter: Reporter) -> RetrainResult:
    """Make the job's candidate."""
    # torch takes seconds to import: the limits are set and the parent knows that this process lives
    speak_of_passes(reporter)
    if job.head is not None:
        from classifier.retraining import head_update_job  # noqa: PLC0415

        return head_update_job.work(job, reporter)
    from classifier.retraining import train_job  # noqa: PLC0415

    return train_job.work(job, reporter)


def speak_of_passes(reporter: Reporter) -> Callable[[], None]:
    """Let each batch that goes through a network break the silence by which a hung job is known.

    The stages say how far they are, but some of them are long: the word scorer takes words out of hundreds of
    messages, one forward pass after the other.

    Returns:
        Ends it.
    """
    from torch.nn.modules.module import register_module_forward_hook  # noqa: PLC0415 - see carry_out

    from classifier.model.network import TextClassifier  # noqa: PLC0415

    def hook(module: object, _inputs: object, _output: object) -> None:
        if isinstance(module, TextClassifier):
            reporter.passed()

    return register_module_forward_hook(hook).remove


def main(arguments: Sequence[str] | None = None, *, work: Work = carry_out) -> int:
    """Run the job that stands on standard input; exit code 2 where its input cannot be used.

    Args:
        arguments: of the command line; None: this process's.
        work: what to do with the job.
    """
    parser = argparse.ArgumentParser(description="A job on standard input, JSON lines on standard output.")
    parser.add_argument("--parent", type=int, help="process without which this one ends")
    parser.add_argument("--memory-mib", type=int, help="memory that it may use")
    limits = parser.parse_args(arguments)
    if limits.parent is not None:
        end_with_parent(limits.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent ends this process in order
    if limits.memory_mib is not None:
        limit_memory(limits.memory_mib)
    os.nice(NICENESS)
    # Standard output is the protocol: whatever a library prints goes to standard error from here on.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reporter = Reporter(protocol)
    reporter.progress("prepare", 0.0)
    try:
        result = work(RetrainJob.decode(sys.stdin.read()), reporter)
    except ClassifierError as error:
        reporter.line("error", {"text": str(error)})
        return 2
    except (MemoryError, RuntimeError, ImportError, OSError) as error:  # each says it in its own way
        if not isinstance(error, MemoryError) and not says_out_of_memory(str(error)):
            raise
        used = f"{EXCEEDED.format(mib=limits.memory_mib or 'the available')}: {ADVICE}."
        reporter.line("error", {"text": used})
        return 2
    reporter.line("result", result.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
