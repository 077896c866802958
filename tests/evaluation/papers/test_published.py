import pytest

from jpegmend.evaluation.papers import published, tables
from jpegmend.evaluation.papers.published import PAIRS, PAPERS, SETS


def row(paper, table, data_set, quality, method, variant=""):
    (found,) = [
        r
        for r in published.select(paper, (table,))
        if (r.data_set, r.quality, r.method, r.variant) == (data_set, quality, method, variant)
    ]
    return found


def test_every_row_is_there_with_a_source():
    rows = published.rows()
    assert len(rows) == 728 and {r.paper for r in rows} == set(PAPERS)


def test_every_row_belongs_to_a_table_with_a_command():
    shown = [row for table in tables.TABLES.values() for row in tables.printed(table)]
    assert sorted(shown, key=repr) == sorted(published.rows(), key=repr)


def test_impossible_rows_are_marked_and_never_compared():
    wrong = [r for r in published.rows() if r.psnr is not None and r.psnr_b is not None and r.psnr_b > r.psnr]
    assert wrong, "DCSC's table 5 has one"
    for found in wrong:
        assert any("impossible" in doubt for doubt in found.doubts)
        assert set(found.known.values()) == {None}


def test_the_misprint_of_cqr_is_marked():
    found = row("cqr", "2", "Classic5", "20", "CQR")
    assert "misprint" in found.doubts[0] and found.known["psnr"] is None


@pytest.mark.parametrize("data_set", ["Classic5", "LIVE1"])
@pytest.mark.parametrize("method", ["ARCNN", "TNRD"])
def test_rows_at_40_that_are_hardly_better_than_at_30_are_not_compared(data_set, method):
    found = row("mdu", "I", data_set, "40", method)
    assert found.doubts[0].startswith("doubtful: ") and set(found.known.values()) == {None}
    assert found.psnr - row("mdu", "I", data_set, "30", method).psnr < 0.2
    assert row("mdu", "I", data_set, "30", method).known["psnr"] == "psnr"


def test_scores_with_a_bug_in_the_metric_are_not_compared_but_copied_ones_are():
    assert row("dcsc", "1", "LIVE1", "10", "DCSC").known == {"psnr": None, "ssim": None, "psnr_b": None}
    assert row("dcsc", "1", "LIVE1", "10", "DnCNN").known["psnr"] == "psnr"


@pytest.mark.parametrize(
    ("key", "variant"),
    [
        (("mdu", "I", "Classic5", "10", "JPEG"), "ssim:matlab"),
        (("mdu", "I", "Classic5", "10", "ARCNN"), "ssim:matlab"),
        (("mdu", "I", "Classic5", "10", "MDU"), None),
        (("mdu", "I", "Classic5", "40", "DnCNN"), None),
        (("mdu", "I", "BSD500-val", "10", "JPEG"), "ssim:uniform-8"),
        (("dual", "1", "Classic5", "10", "M-Net"), None),
        (("qgcn", "III", "LIVE1", "10", "QGCN"), "ssim:uniform-8"),
        (("qgcn", "III", "LIVE1", "10", "DnCNN-3"), None),
        (("qgcn", "II", "LIVE1", "10", "QGCN"), "ssim:uniform-7"),
        (("qgcn", "II", "LIVE1", "10", "JPEG"), None),
        (("dcsc", "errata, 128-filter model", "LIVE1", "10", "DCSC-128"), None),
        (("later work", "", "LIVE1", "10", "FBCNN"), "ssim:matlab"),
    ],
)
def test_the_variant_of_ssim_is_known_only_where_it_was_checked(key, variant):
    assert published.select(key[0], (key[1],)), key
    found = [r for r in published.select(key[0], (key[1],)) if (r.data_set, r.quality, r.method) == key[2:]]
    assert found[0].known["ssim"] == variant


# What libjpeg gives on these sets under papers-gray: measured with this package (docs/evaluation.md says how).
MEASURED = {
    ("Classic5", "10"): ("27.82", "0.7595", "25.21"),
    ("Classic5", "20"): ("30.12", "0.8344", "27.50"),
    ("LIVE1", "10"): ("27.77", "0.7730", "25.33"),
    ("LIVE1", "20"): ("30.07", "0.8512", "27.56"),
    ("BSD500-val", "10"): ("27.58", "0.7694", "24.96"),
    ("BSD500-val", "20"): ("29.72", "0.8519", "26.96"),
}


@pytest.mark.parametrize("key", MEASURED, ids=" at ".join)
def test_the_printed_jpeg_rows_agree_with_the_metrics_they_are_said_to_be(key):
    found = row("mdu", "I", *key, "JPEG")
    psnr, ssim, psnr_b = map(float, MEASURED[key])
    assert abs(found.psnr - psnr) < 0.011 and abs(found.ssim - ssim) < 0.00011 and abs(found.psnr_b - psnr_b) < 0.021


def test_rows_without_a_quality_are_of_pairs_that_say_how_to_get_them():
    missing = {r.data_set for r in published.rows() if r.quality == "" and r.psnr is not None}
    assert missing == set(PAIRS) and not set(PAIRS) & set(SETS)
