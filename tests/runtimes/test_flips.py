"""The mean over mirror images, against the same done by hand with a network that knows left from right."""

import numpy as np
import pytest

from jpegmend.runtimes import Answer, MeanOfFlips, PictureFacts

TABLES = np.ones((3, 8, 8), np.float32)


class Shift:
    """Adds a tenth of the left neighbour and a fifth of the upper one; its quality is the first sample's."""

    name = "shift"

    def __init__(self):
        self.overviews = []

    def __call__(self, planes, tables, facts, *, traces=()):
        self.overviews.append(facts.overview)
        moved = planes + np.roll(planes, 1, 2) / 10 + np.roll(planes, 1, 1) / 5
        return Answer(moved.astype(np.float32), float(planes[0, 0, 0]), {name: (planes,) for name in traces})


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_mean_of_mirror_images(passes):
    planes = np.random.default_rng(0).random((3, 16, 24)).astype(np.float32)
    answer = MeanOfFlips(Shift(), passes)(planes, TABLES, PictureFacts(), traces=("seen",))
    left, right = np.roll(planes, 1, 2), np.roll(planes, -1, 2)
    above, below = np.roll(planes, 1, 1), np.roll(planes, -1, 1)
    across = left if passes == 1 else (left + right) / 2
    down = (above + below) / 2 if passes == 4 else above
    assert np.allclose(answer.planes, planes + across / 10 + down / 5, atol=1e-6)
    corners = (
        planes[0, :: -1 if passes == 4 else 1, ::-1][[0, -1]][:, [0, -1]] if passes == 4 else planes[0, :1, [0, -1]]
    )
    assert answer.quality == pytest.approx(planes[0, 0, 0] if passes == 1 else corners.mean())
    assert np.array_equal(answer.traces["seen"][0], planes)


def test_the_overview_is_mirrored_too():
    runtime, overview = Shift(), np.arange(3 * 4 * 4, dtype=np.float32).reshape(3, 4, 4)
    MeanOfFlips(runtime, 4)(np.zeros((3, 8, 8), np.float32), TABLES, PictureFacts(overview=overview))
    assert [each[0, 0, 0] for each in runtime.overviews] == [0, 3, 12, 15]
