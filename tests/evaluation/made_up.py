"""Results with made-up scores."""

import dataclasses

from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import METRICS, Mean, Result


def mean(model="jpeg", data_set="Classic5", quality="10", psnr=27.5, consistent=False, pictures=5):
    scores = dict.fromkeys(METRICS, 0.75) | {"psnr": psnr, "psnr_b:true": 25.0, "psnr_b:fbcnn": 25.0}
    return Mean(
        model=model,
        consistent=consistent,
        data_set=data_set,
        quality=quality,
        pictures=pictures,
        scores=scores,
        gain=psnr - 27.5,
        worse=0.0,
        seconds_per_megapixel=1.0,
    )


def result(*means, protocol="papers-gray", commit="c0ffee", **changes):
    facts = {m.model: {"sha256": "", "parameters": 0} for m in means}
    stamped = dataclasses.replace(find(protocol).stamped(), **changes)
    environment = {"commit": commit, "machine": "a machine", "workers": 1}
    return Result(protocol=stamped, environment=environment, models=facts, means=means, source="some.json")
