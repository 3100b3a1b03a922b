"""However a stream is cut, the judge says what the scalar reference says."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerting.law import check


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), count=st.integers(1, 150))
def test_transitions_do_not_depend_on_the_cut_and_equal_the_reference(
    seed: int, count: int
) -> None:
    check(seed, count)


def test_the_streams_reach_every_kind_of_change() -> None:
    events: Counter[str] = Counter()
    for seed in range(60):
        run = check(seed, 200)
        events.update(f"{t.what} {t.event} {t.to_state}" for t in run.transitions)
    reached = {key.split()[1] for key in events}
    assert reached >= {
        *("HH", "H", "L", "LL", "stale", "mismatch"),
        *("raise", "escalate", "deescalate", "return", "reactivate", "acknowledge", "shelve"),
        *("unshelve", "shelf_expired", "shelf_broken", "reset", "realarm", "comment"),
        *("suppress", "unsuppress"),
    }
