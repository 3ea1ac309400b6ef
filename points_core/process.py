"""How a process whose event loop must answer in time lives beside its own threads and its own garbage."""

import gc
import sys

SWITCH_S = 0.001  # Python's own 5 ms: each turn of the loop waits that long for a thread that computes


def give_way() -> None:
    """Let the event loop's thread go on within a millisecond while another thread computes."""
    sys.setswitchinterval(SWITCH_S)


def keep_what_is_loaded() -> None:
    """Leave everything that is loaded by now out of later searches for garbage.

    Half a million objects of libraries are never garbage; searching them held everybody up for 90 ms each time.
    """
    gc.collect()
    gc.freeze()
